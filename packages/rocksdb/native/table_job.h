// Work that writes table files outside of the database, on a thread of its own: a drain, a merge of tables.
#pragma once

#include <rocksdb/sst_file_writer.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "errors.h"

namespace tidemark {

// A table file all of whose entries have one sequence number, which is not in the file.
struct WrittenTable {
  std::string name;
  uint64_t sizeBytes = 0;
  std::string uniqueId;  // 16 raw bytes
  std::string checksum;  // crc32c, big endian
  uint64_t sequence = 0;
  std::string smallestKey;
  std::string largestKey;
  std::string smallestInternalKey;
  std::string largestInternalKey;
  uint64_t entryCount = 0;
  uint64_t deletionCount = 0;
};

struct TableJob {
  // Where the files go, and how their names begin.
  std::string directory;
  std::string filePrefix;
  uint64_t targetFileBytes = 0;

  std::atomic<bool> isAborted = false;
  // One of the two, at the end.
  std::vector<WrittenTable> files;
  std::optional<Failure> failure;
  // Called at the end, on the job's thread.
  std::function<void()> ended;

  // Throws Failure DISPOSED once isAborted was set.
  void CheckAborted() const;
  // Does the work unless the job has failed already or is aborted; what it throws becomes `failure`.
  void Catch(const std::function<void()>& work);
};

// What a file is told by beside what its writer knows.
struct TableIdentity {
  std::string uniqueId;
  uint64_t sequence = 0;
  uint64_t entryCount = 0;
  uint64_t deletionCount = 0;
};

// The files of one job, filled one after the other in the order of keys; those that are not kept are removed.
class TableFiles {
 public:
  struct Setting {
    // The failpoints of each file.
    const char* opened;
    const char* finished;
    // Whether what was written stays in the page cache: where it is not read soon it takes the place of what is.
    bool isReadSoon;
  };
  // `job` must outlive this.
  TableFiles(const TableJob& job, const rocksdb::EnvOptions& files, const rocksdb::Options& options, rocksdb::ColumnFamilyHandle* family,
             const Setting& setting);
  ~TableFiles();
  TableFiles(const TableFiles&) = delete;
  TableFiles& operator=(const TableFiles&) = delete;

  // All throw Failure.
  void Put(const rocksdb::Slice& key, const rocksdb::Slice& value);
  void Merge(const rocksdb::Slice& key, const rocksdb::Slice& value);
  void Delete(const rocksdb::Slice& key);
  void Finish();

  struct Written {
    std::string path;
    rocksdb::ExternalSstFileInfo info;
    uint8_t smallestType = 0;
    uint8_t largestType = 0;
  };
  const std::vector<Written>& Files() const { return files_; }
  void Keep() { isKept_ = true; }
  static WrittenTable Describe(const Written& file, const TableIdentity& identity);

 private:
  // Makes room for an entry of this type, one of RocksDB's own.
  void Begin(uint8_t type);
  void End(const rocksdb::Status& status);
  void Open();

  const TableJob& job_;
  const Setting setting_;
  std::vector<Written> files_;
  bool isOpen_ = false;
  bool isKept_ = false;
  rocksdb::SstFileWriter writer_;
};

}  // namespace tidemark

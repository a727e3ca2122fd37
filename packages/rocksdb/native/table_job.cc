#include "table_job.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "failpoint.h"

namespace tidemark {
namespace {

using rocksdb::Slice;

// Values of RocksDB's own that are part of every file (ValueType in db/dbformat.h).
constexpr uint8_t kTypeDeletion = 0;
constexpr uint8_t kTypeValue = 1;
constexpr uint8_t kTypeMerge = 2;

// User key, then the little-endian number sequence * 256 + type.
std::string InternalKey(const std::string& key, uint64_t sequence, uint8_t type) {
  std::string result = key;
  const uint64_t tail = sequence << 8 | type;
  for (int shift = 0; shift < 64; shift += 8) result.push_back(static_cast<char>(tail >> shift));
  return result;
}

}  // namespace

void TableJob::CheckAborted() const {
  if (isAborted) throw Failure{kDisposed, kJobAborted};
}

void TableJob::Catch(const std::function<void()>& work) {
  if (failure.has_value()) return;
  try {
    CheckAborted();
    work();
  } catch (const Failure& reason) {
    failure = reason;
  } catch (const std::exception& error) {
    failure = Failure{kRocksDB, std::string("out of memory or internal error: ") + error.what()};
  }
}

TableFiles::TableFiles(const TableJob& job, const rocksdb::EnvOptions& files, const rocksdb::Options& options,
                       rocksdb::ColumnFamilyHandle* family, const Setting& setting)
    : job_(job), setting_(setting), writer_(files, options, family, !setting.isReadSoon) {}

TableFiles::~TableFiles() {
  if (isKept_) return;
  for (const Written& file : files_) unlink(file.path.c_str());
}

void TableFiles::Put(const Slice& key, const Slice& value) {
  Begin(kTypeValue);
  End(writer_.Put(key, value));
}

void TableFiles::Merge(const Slice& key, const Slice& value) {
  Begin(kTypeMerge);
  End(writer_.Merge(key, value));
}

void TableFiles::Delete(const Slice& key) {
  Begin(kTypeDeletion);
  End(writer_.Delete(key));
}

void TableFiles::Finish() {
  if (!isOpen_) return;
  Check(writer_.Finish(&files_.back().info), "cannot write a table file");
  isOpen_ = false;
  Failpoint(setting_.finished);
}

WrittenTable TableFiles::Describe(const Written& file, const TableIdentity& identity) {
  WrittenTable table;
  table.name = file.path.substr(file.path.rfind('/') + 1);
  table.sizeBytes = file.info.file_size;
  table.uniqueId = identity.uniqueId;
  table.checksum = file.info.file_checksum;
  table.sequence = identity.sequence;
  table.smallestKey = file.info.smallest_key;
  table.largestKey = file.info.largest_key;
  table.smallestInternalKey = InternalKey(file.info.smallest_key, identity.sequence, file.smallestType);
  table.largestInternalKey = InternalKey(file.info.largest_key, identity.sequence, file.largestType);
  table.entryCount = identity.entryCount;
  table.deletionCount = identity.deletionCount;
  return table;
}

void TableFiles::Begin(uint8_t type) {
  if (!isOpen_) {
    Open();
    files_.back().smallestType = type;
  }
  files_.back().largestType = type;
}

void TableFiles::End(const rocksdb::Status& status) {
  Check(status, "cannot write a table file");
  if (writer_.FileSize() >= job_.targetFileBytes) Finish();
}

void TableFiles::Open() {
  const std::string path = job_.directory + "/" + job_.filePrefix + "-" + std::to_string(files_.size()) + ".sst";
  // Exclusively: RocksDB would empty a file of that name, which may be a link of one in a checkpoint.
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0 && errno == EEXIST) Invalid("there is a file " + path + ": choose another filePrefix");
  if (descriptor < 0) throw FailureFromErrno(errno, "cannot make " + path);
  close(descriptor);
  files_.push_back(Written{path, {}});
  Failpoint(setting_.opened);
  Check(writer_.Open(path), "cannot write a table file");
  isOpen_ = true;
}

}  // namespace tidemark

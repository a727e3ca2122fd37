// Records what every flush wrote, and links the file away before a compaction can take it.
#pragma once

#include <rocksdb/listener.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "errors.h"

namespace tidemark {

struct FlushOutput {
  std::string name;
  std::string columnFamily;
  uint64_t sizeBytes = 0;
  uint64_t smallestSequence = 0;
  uint64_t largestSequence = 0;
  std::string uniqueId;  // 16 raw bytes
  std::string checksum;  // crc32c, big endian
  bool isLinked = false;
  int linkErrno = 0;  // 0 when isLinked, or when no link directory was set
};

class FlushListener final : public rocksdb::EventListener {
 public:
  // Called on the thread that will compact.
  void OnCompactionBegin(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;
  void OnTableFileCreated(const rocksdb::TableFileCreationInfo& info) override;
  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

  // Empty: outputs are recorded but not linked.
  void SetLinkDirectory(const std::string& directory);

  // The outputs recorded since the last call, oldest first.
  std::vector<FlushOutput> TakeOutputs();

  // Waits until a flush of this column family that reaches `sequence` was recorded. Needed after DB::Flush(wait): that can
  // return while an earlier flush's callback is still running.
  std::optional<Failure> WaitForFlush(uint32_t columnFamilyId, uint64_t sequence);

  // Called before a flush is asked for, so that an error of long ago (before resume) does not fail this one.
  void ForgetError();

  // Ends all waits; called when the database closes.
  void Abort();

 private:
  struct Created {
    uint64_t sizeBytes;
    std::string checksum;
  };

  void Record(const rocksdb::FlushJobInfo& info);

  std::mutex mutex_;
  std::condition_variable recorded_;
  std::string linkDirectory_;
  std::map<std::string, Created> created_;
  std::map<uint32_t, uint64_t> largestSequence_;
  std::vector<FlushOutput> outputs_;
  std::optional<Failure> error_;
  bool isAborted_ = false;
};

}  // namespace tidemark

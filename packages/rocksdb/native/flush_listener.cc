#include "flush_listener.h"

#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>

#include <chrono>
#include <exception>

#include "background_thread.h"
#include "link_file.h"

namespace tidemark {
namespace {

// Far above any callback's time; reaching it means that RocksDB did not report the flush, and a clear error beats a hang.
constexpr auto kReportLimit = std::chrono::seconds(120);

}  // namespace

void FlushListener::OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) { StepBack(); }

void FlushListener::OnTableFileCreated(const rocksdb::TableFileCreationInfo& info) {
  if (!info.status.ok() || info.reason != rocksdb::TableFileCreationReason::kFlush) return;
  std::lock_guard<std::mutex> guard(mutex_);
  created_[info.file_path] = Created{info.file_size, info.file_checksum};
}

void FlushListener::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& info) {
  // An exception must not enter RocksDB, which is built to run without them.
  try {
    Record(info);
  } catch (const std::exception& error) {
    std::lock_guard<std::mutex> guard(mutex_);
    error_ = Failure{kRocksDB, "a flush could not be recorded"};
  }
  recorded_.notify_all();
}

void FlushListener::Record(const rocksdb::FlushJobInfo& info) {
  std::string directory;
  FlushOutput output;
  bool hasFile = false;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    directory = linkDirectory_;
    const auto created = created_.find(info.file_path);
    hasFile = created != created_.end();
    if (hasFile) {
      output.sizeBytes = created->second.sizeBytes;
      output.checksum = created->second.checksum;
      created_.erase(created);
    }
  }
  output.name = info.file_path.substr(info.file_path.rfind('/') + 1);
  output.columnFamily = info.cf_name;
  output.smallestSequence = info.smallest_seqno;
  output.largestSequence = info.largest_seqno;
  if (!rocksdb::GetUniqueIdFromTableProperties(info.table_properties, &output.uniqueId).ok()) output.uniqueId.clear();
  if (hasFile && !directory.empty()) {
    // Here and not later: the file cannot be deleted before this callback returns, afterwards a compaction may take it.
    const LinkOutcome outcome = LinkOrCopyFile(info.file_path, directory + "/" + output.name, &output.linkErrno);
    output.isLinked = outcome != LinkOutcome::kFailed;
  }
  std::lock_guard<std::mutex> guard(mutex_);
  uint64_t& largest = largestSequence_[info.cf_id];
  if (info.largest_seqno > largest) largest = info.largest_seqno;
  // A flush whose memtable left nothing to write has no file.
  if (hasFile) outputs_.push_back(std::move(output));
}

void FlushListener::OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) {
  // A compaction that failed has changed nothing and is tried again. RocksDB would refuse everything for good from then on, for
  // example because there were no file numbers left for a moment. From a full disk it recovers by itself.
  if (reason == rocksdb::BackgroundErrorReason::kCompaction && error->IsIOError() && !error->IsNoSpace()) {
    *error = rocksdb::Status::OK();
    return;
  }
  const bool isFlush = reason == rocksdb::BackgroundErrorReason::kFlush ||
                       reason == rocksdb::BackgroundErrorReason::kFlushNoWAL ||
                       reason == rocksdb::BackgroundErrorReason::kManifestWrite ||
                       reason == rocksdb::BackgroundErrorReason::kManifestWriteNoWAL;
  if (!isFlush) return;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    error_ = FailureFromStatus(*error, "a flush failed");
  }
  recorded_.notify_all();
}

void FlushListener::SetLinkDirectory(const std::string& directory) {
  std::lock_guard<std::mutex> guard(mutex_);
  linkDirectory_ = directory;
}

std::vector<FlushOutput> FlushListener::TakeOutputs() {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<FlushOutput> outputs;
  outputs.swap(outputs_);
  return outputs;
}

std::optional<Failure> FlushListener::WaitForFlush(uint32_t columnFamilyId, uint64_t sequence) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto isOver = [&] {
    const auto largest = largestSequence_.find(columnFamilyId);
    return isAborted_ || error_.has_value() || (largest != largestSequence_.end() && largest->second >= sequence);
  };
  recorded_.wait_for(lock, kReportLimit, isOver);
  const auto largest = largestSequence_.find(columnFamilyId);
  if (largest != largestSequence_.end() && largest->second >= sequence) return std::nullopt;
  if (isAborted_) return Failure{kDisposed, "the database closed while it was flushing"};
  if (error_.has_value()) return error_;
  return Failure{kRocksDB, "RocksDB did not report the flush up to sequence number " + std::to_string(sequence)};
}

void FlushListener::ForgetError() {
  std::lock_guard<std::mutex> guard(mutex_);
  error_.reset();
}

void FlushListener::Abort() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    isAborted_ = true;
  }
  recorded_.notify_all();
}

}  // namespace tidemark

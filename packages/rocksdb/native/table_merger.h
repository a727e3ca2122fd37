// Merging table files that drains or merges wrote into fewer: outside of any database, on a thread of its own at the lowest priority.
#pragma once

#include <rocksdb/options.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "table_job.h"

namespace tidemark {

struct MergeInput {
  std::string path;
  uint64_t sizeBytes = 0;
  std::string uniqueId;  // 16 raw bytes
  // That of all its entries. It is not in the file. Files with the same one are a run: they do not overlap.
  uint64_t sequence = 0;
  std::string smallestKey;
};

struct MergeJob : TableJob {
  // Fills files or failure; never throws.
  void Run();

  // Of the column family. They hold everything a merge needs of it, also when it is dropped meanwhile.
  rocksdb::Options options;
  std::vector<MergeInput> inputs;
};

// Its thread is started by the first job.
class TableMerger {
 public:
  TableMerger() = default;
  ~TableMerger() { Stop(); }
  TableMerger(const TableMerger&) = delete;
  TableMerger& operator=(const TableMerger&) = delete;

  // Jobs run one after another. Throws Failure when no thread can be made, or after Stop.
  void Submit(std::shared_ptr<MergeJob> job);
  // Fails all jobs that have not ended as soon as they notice.
  void Cancel();
  // The same, and waits for the thread; no job is taken any more. May be called again.
  void Stop();

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<MergeJob>> jobs_;  // the first one is running
  bool isStopping_ = false;
  std::thread thread_;
  std::mutex stopMutex_;
};

}  // namespace tidemark

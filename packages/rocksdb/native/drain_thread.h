// The threads on which a database drains: its own and not of libuv's pool, which others wait for. One copies layers out of the
// table, which writers wait for; the other writes them to files, at the lowest priority. Started by the first drain.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "drain_job.h"

namespace tidemark {

class DrainThread {
 public:
  DrainThread() = default;
  ~DrainThread() { Stop(); }
  DrainThread(const DrainThread&) = delete;
  DrainThread& operator=(const DrainThread&) = delete;

  // Jobs run one after another. Throws Failure when no thread can be made, or after Stop.
  void Submit(std::shared_ptr<DrainJob> job);
  bool IsBusy() const;
  // Blocks until the oldest job that has not ended ends; true when it succeeded. With no such job: whether the last one did. Nothing when
  // it takes longer than that.
  std::optional<bool> WaitForOldest(std::optional<std::chrono::milliseconds> atMost);
  // Blocks until the table of the oldest job is not read any more, or the job has failed; false where it has failed or there is none.
  bool WaitForCollected();
  // Fails the jobs that have not ended as soon as they notice, and waits for the thread. May be called again.
  void Stop();

 private:
  // Without the lock there is no job to copy or to write: waits for one. Null when there will be none.
  std::shared_ptr<DrainJob> Next(std::unique_lock<std::mutex>& lock, bool isCollected);
  void CollectLoop();
  void WriteLoop();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<DrainJob>> jobs_;  // the first one is running
  uint64_t endedCount_ = 0;
  bool hasSucceeded_ = true;
  bool isStopping_ = false;
  std::thread collector_;
  std::thread writer_;
  std::mutex stopMutex_;
};

}  // namespace tidemark

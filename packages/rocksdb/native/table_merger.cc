#include "table_merger.h"

#include <system_error>
#include <utility>

#include "background_thread.h"

namespace tidemark {

void TableMerger::Submit(std::shared_ptr<MergeJob> job) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (isStopping_) throw Failure{kDisposed, "the database is closing"};
  jobs_.push_back(std::move(job));
  if (!thread_.joinable()) {
    try {
      thread_ = StartThread("tidemark-merge", [this] { Loop(); });
    } catch (const std::system_error&) {
      jobs_.pop_back();
      throw Failure{kRocksDB, "cannot start a thread to merge on: too many are running"};
    } catch (...) {
      jobs_.pop_back();
      throw;
    }
  }
  changed_.notify_all();
}

void TableMerger::Cancel() {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& job : jobs_) job->isAborted = true;
}

void TableMerger::Stop() {
  const std::lock_guard<std::mutex> stopGuard(stopMutex_);
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    isStopping_ = true;
    for (const auto& job : jobs_) job->isAborted = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TableMerger::Loop() {
  StepBack();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return isStopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const std::shared_ptr<MergeJob> job = jobs_.front();
    lock.unlock();
    job->Run();
    lock.lock();
    jobs_.pop_front();
    lock.unlock();
    job->ended();
    lock.lock();
  }
}

}  // namespace tidemark

#include "drain_thread.h"

#include <system_error>
#include <utility>

#include "background_thread.h"

namespace tidemark {

void DrainThread::Submit(std::shared_ptr<DrainJob> job) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (isStopping_) throw Failure{kDisposed, "the database is closing"};
  jobs_.push_back(std::move(job));
  if (!writer_.joinable()) {
    try {
      if (!collector_.joinable()) collector_ = StartThread("tidemark-collect", [this] { CollectLoop(); });
      writer_ = StartThread("tidemark-drain", [this] { WriteLoop(); });
    } catch (const std::system_error&) {
      jobs_.pop_back();
      throw Failure{kRocksDB, "cannot start a thread to drain on: too many are running"};
    } catch (...) {
      jobs_.pop_back();
      throw;
    }
  }
  changed_.notify_all();
}

bool DrainThread::IsBusy() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return !jobs_.empty();
}

std::optional<bool> DrainThread::WaitForOldest(std::optional<std::chrono::milliseconds> atMost) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (jobs_.empty()) return hasSucceeded_;
  const std::shared_ptr<DrainJob> job = jobs_.front();
  const uint64_t target = endedCount_ + 1;
  const auto hasEnded = [&] { return endedCount_ >= target; };
  if (!atMost.has_value()) {
    changed_.wait(lock, hasEnded);
  } else if (!changed_.wait_for(lock, *atMost, hasEnded)) {
    return std::nullopt;
  }
  return !job->failure.has_value();
}

bool DrainThread::WaitForCollected() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (jobs_.empty()) return false;
  const std::shared_ptr<DrainJob> job = jobs_.front();
  changed_.wait(lock, [&] { return job->isCollected; });
  return job->hasCollected;
}

void DrainThread::Stop() {
  std::lock_guard<std::mutex> stopGuard(stopMutex_);
  {
    std::lock_guard<std::mutex> guard(mutex_);
    isStopping_ = true;
    for (const auto& job : jobs_) job->isAborted = true;
  }
  changed_.notify_all();
  if (collector_.joinable()) collector_.join();
  if (writer_.joinable()) writer_.join();
}

std::shared_ptr<DrainJob> DrainThread::Next(std::unique_lock<std::mutex>& lock, bool isCollected) {
  for (;;) {
    for (const auto& job : jobs_) {
      if (job->isCollected == isCollected) return job;
      // Layers are written in their order.
      if (isCollected) break;
    }
    if (isStopping_ && (jobs_.empty() || !isCollected)) return nullptr;
    changed_.wait(lock);
  }
}

void DrainThread::CollectLoop() {
  WaitForTurn();
  std::unique_lock<std::mutex> lock(mutex_);
  while (const std::shared_ptr<DrainJob> job = Next(lock, false)) {
    lock.unlock();
    job->Collect();
    lock.lock();
    job->isCollected = true;
    job->hasCollected = job->collected != nullptr;
    changed_.notify_all();
  }
}

void DrainThread::WriteLoop() {
  StepBack();
  std::unique_lock<std::mutex> lock(mutex_);
  while (const std::shared_ptr<DrainJob> job = Next(lock, true)) {
    lock.unlock();
    job->Run();
    job->Release();
    lock.lock();
    hasSucceeded_ = !job->failure.has_value();
    jobs_.pop_front();
    endedCount_++;
    changed_.notify_all();
    lock.unlock();
    job->ended();
    lock.lock();
  }
}

}  // namespace tidemark

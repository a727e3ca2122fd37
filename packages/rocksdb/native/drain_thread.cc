#include "drain_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace tidemark {
namespace {

constexpr int kLowestPriority = 19;

void PrepareThread() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "tidemark-drain");
  // On Linux this is the thread's own priority. Refusal is no reason not to drain.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowestPriority);
#endif
}

}  // namespace

void DrainThread::Submit(std::shared_ptr<DrainJob> job) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (isStopping_) throw Failure{kDisposed, "the database is closing"};
  jobs_.push_back(std::move(job));
  if (!thread_.joinable()) {
    // Signals are for the threads of Node.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { Loop(); });
    } catch (const std::system_error& error) {
      jobs_.pop_back();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!thread_.joinable()) throw Failure{kRocksDB, "cannot start a thread to drain on: too many are running"};
  }
  changed_.notify_all();
}

bool DrainThread::IsBusy() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return !jobs_.empty();
}

bool DrainThread::WaitForOldest() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (jobs_.empty()) return hasSucceeded_;
  const std::shared_ptr<DrainJob> job = jobs_.front();
  const uint64_t target = endedCount_ + 1;
  changed_.wait(lock, [&] { return endedCount_ >= target; });
  return !job->failure.has_value();
}

void DrainThread::Stop() {
  std::lock_guard<std::mutex> stopGuard(stopMutex_);
  {
    std::lock_guard<std::mutex> guard(mutex_);
    isStopping_ = true;
    for (const auto& job : jobs_) job->isAborted = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DrainThread::Loop() {
  PrepareThread();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return isStopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const std::shared_ptr<DrainJob> job = jobs_.front();
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

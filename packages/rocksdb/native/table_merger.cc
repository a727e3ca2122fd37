#include "table_merger.h"

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
  pthread_setname_np(pthread_self(), "tidemark-merge");
  // On Linux this is the thread's own priority. Refusal is no reason not to merge.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowestPriority);
#endif
}

}  // namespace

void TableMerger::Submit(std::shared_ptr<MergeJob> job) {
  const std::lock_guard<std::mutex> guard(mutex_);
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
    if (!thread_.joinable()) throw Failure{kRocksDB, "cannot start a thread to merge on: too many are running"};
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
  PrepareThread();
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

#include "background_thread.h"

#include <pthread.h>
#include <signal.h>
#ifdef __linux__
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdint>
#include <utility>

namespace tidemark {
namespace {

void NameThread(const char* name) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), name);
#endif
}

// The new thread has the mask of the one that makes it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::thread StartThread(const char* name, std::function<void()> body) {
  const SignalsBlocked blocked;
  return std::thread([name, body = std::move(body)] {
    NameThread(name);
    body();
  });
}

#ifdef __linux__
namespace {

// As the kernel reads it (struct sched_attr of linux/sched/types.h, which cannot be included beside sched.h).
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};
static_assert(sizeof(SchedulingAttributes) == 48, "as the first version of the kernel's structure");

constexpr int kLowestPriority = 19;
// Since Linux 6.12 this is how long a thread of the ordinary policy may run before another takes its place. With the default of some
// milliseconds even one of lowest priority keeps others waiting for so long, once it runs.
constexpr uint64_t kSliceNanoseconds = 100'000;

void SetPriority(int nice) {
  SchedulingAttributes attributes{};
  attributes.size = sizeof attributes;
  // Of the same priority as others, but the thread that wakes it goes on until its own time is over.
  attributes.policy = SCHED_BATCH;
  attributes.nice = nice;
  attributes.runtime = kSliceNanoseconds;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return;
  // Where a sandbox does not know that call.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
}

}  // namespace

void StepBack() {
  thread_local bool isDone = false;
  if (isDone) return;
  isDone = true;
  SetPriority(kLowestPriority);
}

void WaitForTurn() { SetPriority(0); }
#else
void WaitForTurn() {}
void StepBack() {}
#endif

}  // namespace tidemark

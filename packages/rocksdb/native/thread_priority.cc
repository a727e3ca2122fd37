#include "thread_priority.h"

#ifdef __linux__
#include <linux/sched/types.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace tidemark {

#ifdef __linux__
namespace {

constexpr int kLowestPriority = 19;
// Since Linux 6.12 this is how long a thread of the ordinary policy may run before another takes its place. With the default of some
// milliseconds even one of lowest priority keeps others waiting for so long, once it runs.
constexpr uint64_t kSliceNanoseconds = 100'000;

}  // namespace

void StepBack() {
  thread_local bool isDone = false;
  if (isDone) return;
  isDone = true;
  sched_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.sched_policy = SCHED_OTHER;
  attributes.sched_nice = kLowestPriority;
  attributes.sched_runtime = kSliceNanoseconds;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}
#else
void StepBack() {}
#endif

}  // namespace tidemark

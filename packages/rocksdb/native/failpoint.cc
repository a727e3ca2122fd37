#include "failpoint.h"

#ifdef TIDEMARK_FAILPOINTS

#include <signal.h>

#include <cstdlib>
#include <string>

#include "errors.h"

namespace tidemark {

void Failpoint(const char* name) {
  const char* wanted = std::getenv("TIDEMARK_FAILPOINT");
  if (wanted == nullptr) return;
  if (std::string(wanted) == name) raise(SIGKILL);
  if (std::string(wanted) == std::string(name) + ":error") throw Failure{kIo, std::string("failpoint ") + name};
}

}  // namespace tidemark

#endif

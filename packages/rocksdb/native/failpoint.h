// Places where tests make a drain fail or the process die. They exist in the variants of the binding that are built for tests
// (build/binding.mjs); in the release a call is nothing.
#pragma once

namespace tidemark {

#ifdef TIDEMARK_FAILPOINTS
// With the environment variable TIDEMARK_FAILPOINT=<name> the process kills itself here, with <name>:error Failure IO is thrown.
void Failpoint(const char* name);
#else
inline void Failpoint(const char*) {}
#endif

}  // namespace tidemark

// Threads that work behind the one that processes records.
#pragma once

namespace tidemark {

// Makes the calling thread one of lowest priority that gives up its processor at once. Refusal by the system is no error: the thread then
// only competes more. Does nothing but on Linux, where priorities belong to threads.
void StepBack();

}  // namespace tidemark

// Threads that work behind the one that processes records.
#pragma once

namespace tidemark {

// Makes the calling thread one of lowest priority that gives up its processor soon. Refusal by the system is no error: the thread then
// only competes more. Does nothing but on Linux, where priorities belong to threads.
void StepBack();

// Makes the calling thread one that competes as others do but takes no processor from a running thread when it is woken.
void WaitForTurn();

}  // namespace tidemark

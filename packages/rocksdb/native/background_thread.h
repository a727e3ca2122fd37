// Threads that work behind the one that processes records.
#pragma once

#include <functional>
#include <thread>

namespace tidemark {

// A thread of this name; signals stay with the threads of Node. Throws std::system_error where no thread can be made.
std::thread StartThread(const char* name, std::function<void()> body);

// Makes the calling thread one of lowest priority that gives up its processor soon. Refusal by the system is no error: the thread then
// only competes more. Does nothing but on Linux, where priorities belong to threads.
void StepBack();

// Makes the calling thread one that competes as others do but takes no processor from a running thread when it is woken.
void WaitForTurn();

}  // namespace tidemark

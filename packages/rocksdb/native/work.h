// Blocking work on a thread of libuv's pool, with a promise for its end.
#pragma once

#include <node_api.h>

#include <functional>
#include <memory>

#include "call.h"
#include "database.h"

namespace tidemark {

struct WorkItem {
  // Runs on a pool thread; throws Failure.
  std::function<void()> run;
  // Runs on the JavaScript thread after success and makes the promise's value; null means undefined.
  std::function<napi_value(napi_env)> result;
  // Runs on the JavaScript thread at the end, after success and failure alike.
  std::function<void()> finish;
};

// Null database: the work is opening one. The pool's threads keep their priority: without privileges a thread that was made
// nicer can never be made less nice again, and Node uses the same threads for files and cryptography.
napi_value StartWork(Call& call, const std::shared_ptr<Database>& database, WorkItem item);

// Like StartWork, but begins only when all other work on the database has ended.
napi_value StartClose(Call& call, const std::shared_ptr<Database>& database, WorkItem item);

// Takes one from pendingWork and starts a close that waited for it.
void EndPendingWork(const std::shared_ptr<Database>& database);

}  // namespace tidemark

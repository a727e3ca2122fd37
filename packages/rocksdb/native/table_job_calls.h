// Drains and merges as JavaScript sees them: a promise for each, settled through a thread-safe function because the work is not done
// on a thread of libuv's pool.
#pragma once

#include <functional>
#include <memory>

#include "call.h"
#include "database.h"
#include "table_job.h"

namespace tidemark {

// Reads directory, filePrefix and targetFileBytes from the argument `first` on. Throws Failure INVALID_ARGUMENT.
void ReadTarget(Call& call, size_t first, TableJob* job);

// Gives the promise of a list of files. `submit` hands the job to its thread and throws Failure where there is none.
napi_value StartTableJob(Call& call, const std::shared_ptr<Database>& database, const std::shared_ptr<TableJob>& job,
                         const std::function<void()>& submit);

}  // namespace tidemark

#include "table_job_calls.h"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "instance.h"
#include "work.h"

namespace tidemark {
namespace {

constexpr double kMaxFileBytes = 1099511627776.0;  // 1 TiB

struct PendingJob {
  std::shared_ptr<Database> database;
  std::shared_ptr<TableJob> job;
  napi_deferred deferred = nullptr;
};

napi_value DescribeTables(napi_env env, const std::vector<WrittenTable>& files) {
  napi_value list = MakeArray(env, files.size());
  for (size_t index = 0; index < files.size(); index++) {
    const WrittenTable& file = files[index];
    napi_value entry = MakeObject(env);
    SetProperty(env, entry, "name", MakeText(env, file.name));
    SetProperty(env, entry, "sizeBytes", MakeSafeNumber(env, file.sizeBytes, "a file size"));
    SetProperty(env, entry, "uniqueId", MakeHex(env, file.uniqueId));
    SetProperty(env, entry, "checksum", MakeHex(env, file.checksum));
    SetProperty(env, entry, "sequence", MakeSafeNumber(env, file.sequence, "a sequence number"));
    SetProperty(env, entry, "smallestKey", MakeHex(env, file.smallestKey));
    SetProperty(env, entry, "largestKey", MakeHex(env, file.largestKey));
    SetProperty(env, entry, "smallestInternalKey", MakeHex(env, file.smallestInternalKey));
    SetProperty(env, entry, "largestInternalKey", MakeHex(env, file.largestInternalKey));
    SetProperty(env, entry, "entryCount", MakeSafeNumber(env, file.entryCount, "a number of entries"));
    SetProperty(env, entry, "deletionCount", MakeSafeNumber(env, file.deletionCount, "a number of deletions"));
    SetElement(env, list, index, entry);
  }
  return list;
}

void Settle(napi_env env, PendingJob& pending) {
  std::optional<Failure> failure = pending.job->failure;
  napi_value value = nullptr;
  if (!failure.has_value()) {
    try {
      value = DescribeTables(env, pending.job->files);
    } catch (const Failure& reason) {
      failure = reason;
    }
  }
  if (!failure.has_value()) {
    napi_resolve_deferred(env, pending.deferred, value);
    return;
  }
  napi_value error = MakeError(env, *failure);
  if (error != nullptr) napi_reject_deferred(env, pending.deferred, error);
}

// On the JavaScript thread; `env` is null when the environment is ending, and nobody is left to tell.
void JobEnded(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<PendingJob> pending(static_cast<PendingJob*>(data));
  if (env == nullptr) return;
  auto* instance = static_cast<Instance*>(context);
  if (--instance->pendingTableJobs == 0) napi_unref_threadsafe_function(env, instance->tableJobEnded);
  Settle(env, *pending);
  pending->job.reset();
  EndPendingWork(pending->database);
}

// Environments end while threads work (worker.terminate). Node runs this before it takes the thread-safe function away, because
// hooks run in the reverse order of their making.
void StopJobs(void* data) {
  static_cast<Instance*>(data)->databases.ForEach([](const std::shared_ptr<Database>& database) { database->StopTableJobs(); });
}

void PrepareToSettle(Call& call) {
  Instance* instance = call.instance;
  if (instance->tableJobEnded != nullptr) return;
  napi_value name = MakeText(call.env, "tidemark:tables");
  CheckNapi(napi_create_threadsafe_function(call.env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, instance, JobEnded,
                                            &instance->tableJobEnded),
            "prepare for the end of drains and merges");
  napi_unref_threadsafe_function(call.env, instance->tableJobEnded);
  CheckNapi(napi_add_env_cleanup_hook(call.env, StopJobs, instance), "prepare for the end of the thread");
}

}  // namespace

void ReadTarget(Call& call, size_t first, TableJob* job) {
  job->directory = call.Text(first, "directory");
  struct stat info;
  if (stat(job->directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    Invalid("the directory " + job->directory + " does not exist: create it first");
  }
  job->filePrefix = call.Text(first + 1, "filePrefix", 200);
  if (job->filePrefix.find('/') != std::string::npos) Invalid("filePrefix must be the beginning of a plain file name, without a slash");
  job->targetFileBytes =
      static_cast<uint64_t>(ReadNumber(call.env, call.Argument(first + 2, "targetFileBytes"), "targetFileBytes", 1, kMaxFileBytes));
}

napi_value StartTableJob(Call& call, const std::shared_ptr<Database>& database, const std::shared_ptr<TableJob>& job,
                         const std::function<void()>& submit) {
  PrepareToSettle(call);
  Instance* instance = call.instance;
  auto pending = std::make_unique<PendingJob>(PendingJob{database, job});
  napi_value promise;
  CheckNapi(napi_create_promise(call.env, &pending->deferred, &promise), "make a promise");
  PendingJob* data = pending.get();
  const napi_threadsafe_function settle = instance->tableJobEnded;
  job->ended = [settle, data] { napi_call_threadsafe_function(settle, data, napi_tsfn_nonblocking); };
  try {
    submit();
  } catch (...) {
    // Frees it. Nobody has the promise.
    napi_value nothing;
    napi_get_undefined(call.env, &nothing);
    napi_resolve_deferred(call.env, pending->deferred, nothing);
    throw;
  }
  pending.release();
  database->pendingWork++;
  if (instance->pendingTableJobs++ == 0) napi_ref_threadsafe_function(call.env, settle);
  return promise;
}

}  // namespace tidemark

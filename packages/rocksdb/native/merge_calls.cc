// Merges of table files as JavaScript sees them: a promise for each, settled through a thread-safe function because the work is not done
// on a thread of libuv's pool.
#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>

#include "functions.h"
#include "instance.h"
#include "table_merger.h"
#include "work.h"

namespace tidemark {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;
constexpr double kMaxFileBytes = 1099511627776.0;  // 1 TiB
constexpr size_t kMaxKeyHex = 64u << 20;
constexpr uint32_t kMaxInputs = 1000000;

struct PendingMerge {
  std::shared_ptr<Database> database;
  std::shared_ptr<MergeJob> job;
  napi_deferred deferred = nullptr;
};

napi_value DescribeMerged(napi_env env, const std::vector<DrainedFile>& files) {
  napi_value list = MakeArray(env, files.size());
  for (size_t index = 0; index < files.size(); index++) {
    const DrainedFile& file = files[index];
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

void SettleMerge(napi_env env, PendingMerge& pending) {
  std::optional<Failure> failure = pending.job->failure;
  napi_value value = nullptr;
  if (!failure.has_value()) {
    try {
      value = DescribeMerged(env, pending.job->files);
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
void MergeEnded(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<PendingMerge> pending(static_cast<PendingMerge*>(data));
  if (env == nullptr) return;
  auto* instance = static_cast<Instance*>(context);
  if (--instance->pendingMerges == 0) napi_unref_threadsafe_function(env, instance->mergeEnded);
  SettleMerge(env, *pending);
  pending->job.reset();
  EndPendingWork(pending->database);
}

// Environments end while threads merge (worker.terminate). Node runs this before it takes the thread-safe function away, because
// hooks run in the reverse order of their making.
void StopMerges(void* data) {
  const auto stop = [](const std::shared_ptr<Database>& database) { database->merger.Stop(); };
  static_cast<Instance*>(data)->databases.ForEach(stop);
}

void PrepareToSettle(Call& call) {
  Instance* instance = call.instance;
  if (instance->mergeEnded != nullptr) return;
  napi_value name = MakeText(call.env, "tidemark:merge");
  CheckNapi(napi_create_threadsafe_function(call.env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, instance, MergeEnded,
                                            &instance->mergeEnded),
            "prepare for the end of merges");
  napi_unref_threadsafe_function(call.env, instance->mergeEnded);
  CheckNapi(napi_add_env_cleanup_hook(call.env, StopMerges, instance), "prepare for the end of the thread");
}

std::string ReadHexProperty(napi_env env, napi_value object, const char* name) {
  const std::string text = ReadText(env, ReadProperty(env, object, name), name, kMaxKeyHex, true);
  std::string bytes;
  if (!text.empty() && !rocksdb::Slice(text).DecodeHex(&bytes)) Invalid(std::string(name) + " must be a hexadecimal string");
  return bytes;
}

MergeInput ReadInput(napi_env env, napi_value object) {
  MergeInput input;
  input.path = ReadText(env, ReadProperty(env, object, "path"), "the path of an input", 4096, false);
  input.sizeBytes = static_cast<uint64_t>(ReadNumber(env, ReadProperty(env, object, "sizeBytes"), "sizeBytes", 0, kMaxSafe));
  input.sequence = static_cast<uint64_t>(ReadNumber(env, ReadProperty(env, object, "sequence"), "sequence", 0, kMaxSafe));
  input.uniqueId = ReadHexProperty(env, object, "uniqueId");
  input.smallestKey = ReadHexProperty(env, object, "smallestKey");
  return input;
}

std::shared_ptr<MergeJob> ReadMergeJob(Call& call, Database& database) {
  auto job = std::make_shared<MergeJob>();
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  napi_value list = call.Argument(2, "inputs");
  const uint32_t count = ReadArrayLength(call.env, list, "inputs", kMaxInputs);
  if (count == 0) Invalid("inputs must have an element");
  for (uint32_t index = 0; index < count; index++) job->inputs.push_back(ReadInput(call.env, ReadElement(call.env, list, index)));
  job->directory = call.Text(3, "directory");
  struct stat info;
  if (stat(job->directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    Invalid("the directory " + job->directory + " does not exist: create it first");
  }
  job->filePrefix = call.Text(4, "filePrefix", 200);
  if (job->filePrefix.find('/') != std::string::npos) Invalid("filePrefix must be the beginning of a plain file name, without a slash");
  job->targetFileBytes =
      static_cast<uint64_t>(ReadNumber(call.env, call.Argument(5, "targetFileBytes"), "targetFileBytes", 1, kMaxFileBytes));
  job->options = database.db->GetOptions(family.handle);
  return job;
}

}  // namespace

napi_value MergeTables(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<MergeJob> job = ReadMergeJob(call, *database);
  PrepareToSettle(call);
  Instance* instance = call.instance;
  auto pending = std::make_unique<PendingMerge>(PendingMerge{database, job});
  napi_value promise;
  CheckNapi(napi_create_promise(call.env, &pending->deferred, &promise), "make a promise");
  PendingMerge* data = pending.get();
  const napi_threadsafe_function settle = instance->mergeEnded;
  job->ended = [settle, data] { napi_call_threadsafe_function(settle, data, napi_tsfn_nonblocking); };
  database->merger.Submit(job);
  pending.release();
  database->pendingWork++;
  if (instance->pendingMerges++ == 0) napi_ref_threadsafe_function(call.env, settle);
  return promise;
}

napi_value CancelMerges(Call& call) {
  FindDatabase(call, 0)->merger.Cancel();
  return nullptr;
}

}  // namespace tidemark

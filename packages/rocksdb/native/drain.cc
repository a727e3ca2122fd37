// Drains as JavaScript sees them: a promise for each, settled through a thread-safe function because the work is not done on a
// thread of libuv's pool.
#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>

#include "drain_job.h"
#include "functions.h"
#include "instance.h"
#include "work.h"

namespace tidemark {
namespace {

constexpr double kMaxFileBytes = 1099511627776.0;  // 1 TiB
constexpr uint32_t kMaxSegmentBytes = 65536;       // offsets in a segment have 16 bits
constexpr uint32_t kMaxChunkShift = 31;
constexpr uint32_t kNoBlock = UINT32_MAX;

struct PendingDrain {
  std::shared_ptr<Database> database;
  std::shared_ptr<DrainJob> job;
  napi_deferred deferred = nullptr;
};

napi_value DescribeDrained(napi_env env, const std::vector<DrainedFile>& files) {
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
    SetProperty(env, entry, "isIngested", MakeBoolean(env, true));
    SetElement(env, list, index, entry);
  }
  return list;
}

void SettleDrain(napi_env env, PendingDrain& pending) {
  std::optional<Failure> failure = pending.job->failure;
  napi_value value = nullptr;
  if (!failure.has_value()) {
    try {
      value = DescribeDrained(env, pending.job->files);
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
void DrainEnded(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<PendingDrain> pending(static_cast<PendingDrain*>(data));
  if (env == nullptr) return;
  auto* instance = static_cast<Instance*>(context);
  if (--instance->pendingDrains == 0) napi_unref_threadsafe_function(env, instance->drainEnded);
  SettleDrain(env, *pending);
  pending->job.reset();
  EndPendingWork(pending->database);
}

// Environments end while threads drain (worker.terminate). Node runs this before it takes the thread-safe function away, because
// hooks run in the reverse order of their making.
void StopDrains(void* data) {
  const auto stop = [](const std::shared_ptr<Database>& database) { database->StopDrains(); };
  static_cast<Instance*>(data)->databases.ForEach(stop);
}

void PrepareToSettle(Call& call) {
  Instance* instance = call.instance;
  if (instance->drainEnded != nullptr) return;
  napi_value name = MakeText(call.env, "tidemark:drain");
  CheckNapi(napi_create_threadsafe_function(call.env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, instance, DrainEnded,
                                            &instance->drainEnded),
            "prepare for the end of drains");
  napi_unref_threadsafe_function(call.env, instance->drainEnded);
  CheckNapi(napi_add_env_cleanup_hook(call.env, StopDrains, instance), "prepare for the end of the thread");
}

std::string ReadFilePrefix(Call& call, size_t index) {
  std::string prefix = call.Text(index, "filePrefix", 200);
  if (prefix.find('/') != std::string::npos) Invalid("filePrefix must be the beginning of a plain file name, without a slash");
  return prefix;
}

std::string ReadDirectory(Call& call, size_t index) {
  std::string directory = call.Text(index, "directory");
  struct stat info;
  if (stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    Invalid("the directory " + directory + " does not exist: create it first");
  }
  return directory;
}

std::shared_ptr<DrainJob> ReadJob(Call& call, Database& database) {
  auto job = std::make_shared<DrainJob>();
  job->database = &database;
  job->family = database.Family(call.Uint32(1, "column family"));
  const std::shared_ptr<TableMemory> memory = FindTableMemory(call, 2);
  size_t length = 0;
  const uint32_t* segments = call.Uint32s(3, "segments", &length);
  const uint32_t count = call.Uint32(4, "segmentCount");
  if (count > length) Invalid("segmentCount is larger than segments");
  TableLayer& layer = job->layer;
  layer.segments.assign(segments, segments + count);
  layer.segmentBytes = static_cast<uint32_t>(ReadNumber(call.env, call.Argument(5, "segmentBytes"), "segmentBytes", 16, kMaxSegmentBytes));
  layer.chunkShift = call.Uint32(6, "chunkShift", kMaxChunkShift);
  layer.layer = call.Uint32(7, "layer");
  job->directory = ReadDirectory(call, 8);
  job->filePrefix = ReadFilePrefix(call, 9);
  job->targetFileBytes =
      static_cast<uint64_t>(ReadNumber(call.env, call.Argument(10, "targetFileBytes"), "targetFileBytes", 1, kMaxFileBytes));
  const uint32_t progress = call.Uint32(11, "progressBlock");
  if (progress != kNoBlock) {
    job->progress = memory->Block(progress);
    if (job->progress == nullptr || job->progress->size() < sizeof(uint32_t)) Invalid("progressBlock is not a block of four bytes or more");
  }
  layer.chunks = memory->Chunks();
  job->memoryDrain = memory->BeginDrain();
  layer.memory = memory;
  return job;
}

}  // namespace

napi_value Drain(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<DrainJob> job = ReadJob(call, *database);
  PrepareToSettle(call);
  Instance* instance = call.instance;
  auto pending = std::make_unique<PendingDrain>(PendingDrain{database, job});
  napi_value promise;
  CheckNapi(napi_create_promise(call.env, &pending->deferred, &promise), "make a promise");
  PendingDrain* data = pending.get();
  const napi_threadsafe_function settle = instance->drainEnded;
  job->ended = [settle, data] { napi_call_threadsafe_function(settle, data, napi_tsfn_nonblocking); };
  database->drains.Submit(job);
  pending.release();
  database->pendingWork++;
  if (instance->pendingDrains++ == 0) napi_ref_threadsafe_function(call.env, settle);
  return promise;
}

napi_value WaitForCollected(Call& call) { return MakeBoolean(call.env, FindDatabase(call, 0)->drains.WaitForCollected()); }

napi_value WaitForDrain(Call& call) { return MakeBoolean(call.env, FindDatabase(call, 0)->drains.WaitForOldest()); }

napi_value IsDraining(Call& call) { return MakeBoolean(call.env, FindDatabase(call, 0)->drains.IsBusy()); }

}  // namespace tidemark

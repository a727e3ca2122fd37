// What is loaded into each environment.
#include <node_api.h>
#include <rocksdb/version.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cstdlib>
#include <memory>

#include "functions.h"
#include "instance.h"

#ifndef TIDEMARK_ROCKSDB_FLAGS
#define TIDEMARK_ROCKSDB_FLAGS ""
#endif
#ifndef TIDEMARK_ROCKSDB_COMMIT
#define TIDEMARK_ROCKSDB_COMMIT "librocksdb-sys-0.19.0+11.8.1"
#endif
#ifndef TIDEMARK_BINDING_VARIANT
#define TIDEMARK_BINDING_VARIANT "release"
#endif

namespace tidemark {

napi_value Version(Call& call) {
  napi_value result = MakeObject(call.env);
  const std::string number = std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." + std::to_string(ROCKSDB_PATCH);
  SetProperty(call.env, result, "rocksdb", MakeText(call.env, number));
  SetProperty(call.env, result, "flags", MakeText(call.env, TIDEMARK_ROCKSDB_FLAGS));
  SetProperty(call.env, result, "commit", MakeText(call.env, TIDEMARK_ROCKSDB_COMMIT));
  SetProperty(call.env, result, "binding", MakeText(call.env, TIDEMARK_BINDING_VARIANT));
  return result;
}

napi_value SetErrorClass(Call& call) {
  napi_valuetype type;
  napi_value errorClass = call.Argument(0, "error class");
  CheckNapi(napi_typeof(call.env, errorClass, &type), "read the error class");
  if (type != napi_function) Invalid("the error class must be a class");
  if (call.instance->errorClass != nullptr) napi_delete_reference(call.env, call.instance->errorClass);
  call.instance->errorClass = nullptr;
  CheckNapi(napi_create_reference(call.env, errorClass, 1, &call.instance->errorClass), "keep the error class");
  return nullptr;
}

napi_value NoOperation(Call& call) { return MakeNumber(call.env, call.Whole(0, "number", 9007199254740991.0)); }

namespace {

struct Export {
  const char* name;
  napi_callback callback;
};

constexpr Export kExports[] = {
    {"open", Entry<OpenDatabase>},
    {"isInUse", Entry<IsInUse>},
    {"close", Entry<CloseDatabase>},
    {"prepareExit", Entry<PrepareExit>},
    {"get", Entry<Get>},
    {"multiGet", Entry<MultiGet>},
    {"takeSnapshot", Entry<TakeSnapshot>},
    {"releaseSnapshot", Entry<ReleaseSnapshot>},
    {"property", Entry<GetProperty>},
    {"latestSequenceNumber", Entry<LatestSequenceNumber>},
    {"write", Entry<Write>},
    {"openIterator", Entry<OpenIterator>},
    {"nextChunk", Entry<NextChunk>},
    {"seekIterator", Entry<SeekIterator>},
    {"closeIterator", Entry<CloseIterator>},
    {"flush", Entry<Flush>},
    {"takeFlushOutputs", Entry<TakeFlushOutputs>},
    {"setFlushLinkDirectory", Entry<SetFlushLinkDirectory>},
    {"compactRange", Entry<CompactRange>},
    {"resume", Entry<Resume>},
    {"createTableMemory", Entry<CreateTableMemory>},
    {"addTableChunk", Entry<AddTableChunk>},
    {"allocateTableBlock", Entry<AllocateTableBlock>},
    {"freeTableBlock", Entry<FreeTableBlock>},
    {"tableMemorySize", Entry<TableMemorySize>},
    {"closeTableMemory", Entry<CloseTableMemory>},
    {"drain", Entry<Drain>},
    {"waitForCollected", Entry<WaitForCollected>},
    {"waitForDrain", Entry<WaitForDrain>},
    {"isDraining", Entry<IsDraining>},
    {"mergeTables", Entry<MergeTables>},
    {"cancelMerges", Entry<CancelMerges>},
    {"liveFiles", Entry<LiveFiles>},
    {"pinLiveFiles", Entry<PinLiveFiles>},
    {"importFiles", Entry<ImportFiles>},
    {"dropColumnFamily", Entry<DropColumnFamily>},
    {"setOptions", Entry<SetOptions>},
    {"clipColumnFamily", Entry<ClipColumnFamily>},
    {"deleteFilesInRange", Entry<DeleteFilesInRange>},
    {"createSharedCache", Entry<CreateSharedCache>},
    {"sharedCacheUsage", Entry<SharedCacheUsage>},
    {"setSharedCacheCapacity", Entry<SetSharedCacheCapacity>},
    {"closeSharedCache", Entry<CloseSharedCache>},
    {"memoryUsage", Entry<MemoryUsage>},
    {"statistics", Entry<Statistics>},
    {"setTtl", Entry<SetTtl>},
    {"keepKeyGroups", Entry<KeepKeyGroups>},
    {"setTtlClock", Entry<SetTtlClock>},
    {"ttlStatistics", Entry<TtlStatistics>},
    {"version", Entry<Version>},
    {"setErrorClass", Entry<SetErrorClass>},
    {"noOperation", Entry<NoOperation>},
};

// A worker may end with databases open. Node runs this when the environment ends, after all its asynchronous work; it does
// not run at process.exit() of the main thread (see PrepareExit).
void DeleteInstance(napi_env, void* data, void*) {
  const std::unique_ptr<Instance> instance(static_cast<Instance*>(data));
  const auto close = [](const std::shared_ptr<Database>& database) {
    try {
      database->Close();
    } catch (const Failure&) {
      // Nobody is left to tell.
    }
  };
  instance->databases.ForEach(close);
}

// glibc gives each thread that allocates much an arena of its own, and what compactions free there comes back to nobody: 30 MB beside a
// budget of 64 MiB. Two arenas are enough for the few threads that there are. For the process, unless its environment says otherwise.
void LimitArenas() {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
  constexpr int kArenas = 2;
  if (std::getenv("MALLOC_ARENA_MAX") == nullptr && std::getenv("GLIBC_TUNABLES") == nullptr) mallopt(M_ARENA_MAX, kArenas);
#endif
}

napi_value Register(napi_env env, napi_value exports) {
  LimitArenas();
  auto owned = std::make_unique<Instance>();
  Instance* instance = owned.get();
  CheckNapi(napi_set_instance_data(env, instance, DeleteInstance, nullptr), "register the binding");
  owned.release();
  for (const Export& entry : kExports) {
    napi_value function;
    CheckNapi(napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, instance, &function), "register the binding");
    SetProperty(env, exports, entry.name, function);
  }
  return exports;
}

}  // namespace
}  // namespace tidemark

NAPI_MODULE_INIT() {
  try {
    return tidemark::Register(env, exports);
  } catch (const tidemark::Failure& failure) {
    tidemark::ThrowError(env, failure);
  }
  return nullptr;
}

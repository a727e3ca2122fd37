// Opening and closing.
#include <rocksdb/env.h>

#include <string>

#include "functions.h"
#include "instance.h"
#include "options.h"
#include "work.h"

namespace tidemark {

std::shared_ptr<Database>& FindDatabase(Call& call, size_t index) {
  std::shared_ptr<Database>* database = call.instance->databases.Find(call.Whole(index, "database", 9007199254740991.0));
  if (database == nullptr || (*database)->isClosing) [[unlikely]] throw Failure{kDisposed, "the database is closed"};
  return *database;
}

namespace {

const char* MergeName(MergeKind kind) {
  if (kind == MergeKind::kListAppend) return "list-append";
  return kind == MergeKind::kInt64Add ? "int64-add" : "none";
}

napi_value DescribeFamilies(napi_env env, const Database& database) {
  napi_value list = MakeArray(env, database.families.size());
  for (size_t index = 0; index < database.families.size(); index++) {
    const ColumnFamily& family = *database.families[index];
    napi_value entry = MakeObject(env);
    SetProperty(env, entry, "id", MakeNumber(env, static_cast<double>(index)));
    SetProperty(env, entry, "name", MakeText(env, family.name));
    SetProperty(env, entry, "mergeOperator", MakeText(env, MergeName(family.mergeKind)));
    SetElement(env, list, index, entry);
  }
  return list;
}

}  // namespace

napi_value OpenDatabase(Call& call) {
  const std::string path = call.Text(0, "path");
  const auto database = std::make_shared<Database>(path, ReadOptionsObject(call.env, call.Argument(1, "options")));
  Instance* instance = call.instance;
  WorkItem item;
  item.run = [database] { database->Open(); };
  item.result = [database, instance](napi_env env) {
    napi_value result = MakeObject(env);
    SetProperty(env, result, "columnFamilies", DescribeFamilies(env, *database));
    SetProperty(env, result, "handle", MakeNumber(env, instance->databases.Add(database)));
    return result;
  };
  return StartWork(call, nullptr, std::move(item));
}

napi_value IsInUse(Call& call) {
  const std::string file = call.Text(0, "path") + "/LOCK";
  rocksdb::Env* env = rocksdb::Env::Default();
  if (!env->FileExists(file).ok()) return MakeBoolean(call.env, false);
  rocksdb::FileLock* lock = nullptr;
  // Also refused when this process holds the lock: RocksDB keeps a list, and does not open the file then, which would drop it.
  if (!env->LockFile(file, &lock).ok()) return MakeBoolean(call.env, true);
  env->UnlockFile(lock);
  return MakeBoolean(call.env, false);
}

napi_value CloseDatabase(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const double handle = call.Whole(0, "database", 9007199254740991.0);
  Instance* instance = call.instance;
  // The close waits for all work, and merges can take long.
  database->merger.Cancel();
  WorkItem item;
  item.run = [database] { database->Close(); };
  item.finish = [instance, handle] { instance->databases.Remove(handle); };
  return StartClose(call, database, std::move(item));
}

napi_value PrepareExit(Call& call) {
  const auto interrupt = [](const std::shared_ptr<Database>& database) {
    database->isClosing = true;
    database->Interrupt();
    database->StopTableJobs();
  };
  call.instance->databases.ForEach(interrupt);
  return nullptr;
}

}  // namespace tidemark

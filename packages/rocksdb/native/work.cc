#include "work.h"

#include <exception>
#include <optional>
#include <string>

namespace tidemark {
namespace {

struct Task {
  WorkItem item;
  std::shared_ptr<Database> database;
  std::optional<Failure> failure;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
};

void Execute(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  try {
    task->item.run();
  } catch (const Failure& failure) {
    task->failure = failure;
  } catch (const std::exception& error) {
    task->failure = Failure{kRocksDB, std::string("out of memory or internal error: ") + error.what()};
  }
}

// Settles the promise. When the environment is ending every call here fails, and nobody is left to tell.
void Settle(napi_env env, Task* task) {
  napi_value value = nullptr;
  if (!task->failure.has_value()) {
    try {
      if (task->item.result) value = task->item.result(env);
      if (value == nullptr) CheckNapi(napi_get_undefined(env, &value), "make a value");
    } catch (const Failure& failure) {
      task->failure = failure;
    } catch (const std::exception& error) {
      task->failure = Failure{kRocksDB, error.what()};
    }
  }
  if (!task->failure.has_value()) {
    napi_resolve_deferred(env, task->deferred, value);
    return;
  }
  napi_value error = MakeError(env, *task->failure);
  if (error != nullptr) napi_reject_deferred(env, task->deferred, error);
}

void Complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (status == napi_cancelled) task->failure = Failure{kDisposed, "the thread is ending"};
  if (task->item.finish) task->item.finish();
  Settle(env, task.get());
  napi_delete_async_work(env, task->work);
  // What the work captured (column families) must be gone before the database can close.
  task->item = WorkItem{};
  const std::shared_ptr<Database> database = std::move(task->database);
  if (database != nullptr) EndPendingWork(database);
}

// Frees the task if Node refuses it.
void Queue(napi_env env, std::unique_ptr<Task> task) {
  Database* database = task->database.get();
  CheckNapi(napi_queue_async_work(env, task->work), "start background work");
  if (database != nullptr) database->pendingWork++;
  task.release();
}

std::unique_ptr<Task> MakeTask(Call& call, const std::shared_ptr<Database>& database, WorkItem item, napi_value* promise) {
  auto task = std::make_unique<Task>();
  task->item = std::move(item);
  task->database = database;
  napi_value name = MakeText(call.env, "tidemark:rocksdb");
  CheckNapi(napi_create_async_work(call.env, nullptr, name, Execute, Complete, task.get(), &task->work), "start background work");
  CheckNapi(napi_create_promise(call.env, &task->deferred, promise), "make a promise");
  return task;
}

}  // namespace

void EndPendingWork(const std::shared_ptr<Database>& database) {
  database->pendingWork--;
  if (database->pendingWork != 0 || !database->startClose) return;
  const std::function<void()> start = std::move(database->startClose);
  database->startClose = nullptr;
  start();
}

napi_value StartWork(Call& call, const std::shared_ptr<Database>& database, WorkItem item) {
  napi_value promise;
  Queue(call.env, MakeTask(call, database, std::move(item), &promise));
  return promise;
}

napi_value StartClose(Call& call, const std::shared_ptr<Database>& database, WorkItem item) {
  napi_value promise;
  std::unique_ptr<Task> task = MakeTask(call, database, std::move(item), &promise);
  database->isClosing = true;
  if (database->pendingWork == 0) {
    Queue(call.env, std::move(task));
    return promise;
  }
  // std::function needs a copyable callable, hence the raw pointer; it is run exactly once.
  Task* waiting = task.release();
  napi_env env = call.env;
  database->startClose = [env, waiting] {
    try {
      Queue(env, std::unique_ptr<Task>(waiting));
    } catch (const Failure&) {
      // The environment is ending, which closes the database.
    }
  };
  return promise;
}

}  // namespace tidemark

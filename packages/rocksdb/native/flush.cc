// Flushing, what flushes wrote, compaction, and going on after an error.
#include <sys/stat.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "family_list.h"
#include "functions.h"
#include "instance.h"
#include "work.h"

namespace tidemark {
namespace {

constexpr auto kRetryPause = std::chrono::milliseconds(2);
constexpr auto kResumePause = std::chrono::milliseconds(50);
constexpr int kResumeAttempts = 300;

// A column family and the sequence number that its flush has to reach.
struct FlushTarget {
  std::shared_ptr<ColumnFamily> family;
  uint64_t sequence;
};

// RocksDB refuses a flush with TryAgain while all memtables are full and writes have to wait; the flushes that are under way
// end that.
void FlushFamily(Database& database, const rocksdb::FlushOptions& options, const FlushTarget& target) {
  for (;;) {
    const rocksdb::Status status = database.db->Flush(options, target.family->handle);
    if (!status.IsTryAgain()) {
      Check(status, "cannot flush");
      return;
    }
    if (database.isClosing) throw Failure{kDisposed, "the database was closed before it could be flushed"};
    std::this_thread::sleep_for(kRetryPause);
  }
}

void FlushFamilies(Database& database, const std::vector<FlushTarget>& targets) {
  FlushListener& listener = *database.listener;
  listener.ForgetError();
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  // First start them all, so that they overlap; the second round waits.
  options.wait = false;
  for (const FlushTarget& target : targets) FlushFamily(database, options, target);
  options.wait = true;
  options.listener_wait = true;
  for (const FlushTarget& target : targets) {
    FlushFamily(database, options, target);
    if (target.sequence == 0) continue;
    const std::optional<Failure> failure = listener.WaitForFlush(target.family->rocksdbId, target.sequence);
    if (failure.has_value()) throw *failure;
  }
}

}  // namespace

std::vector<std::shared_ptr<ColumnFamily>> ReadFamilies(Call& call, Database& database, size_t index) {
  napi_value list = call.Argument(index, "column families");
  const uint32_t count = ReadArrayLength(call.env, list, "column families", 65536);
  std::vector<std::shared_ptr<ColumnFamily>> families;
  for (uint32_t position = 0; position < count; position++) {
    const double id = ReadNumber(call.env, ReadElement(call.env, list, position), "a column family", 0, UINT32_MAX);
    families.push_back(database.Family(static_cast<uint32_t>(id)));
  }
  return families;
}

napi_value Flush(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  std::vector<FlushTarget> targets;
  for (auto& family : ReadFamilies(call, *database, 1)) targets.push_back({family, family->lastWriteSequence});
  WorkItem item;
  item.run = [database, targets] { FlushFamilies(*database, targets); };
  return StartWork(call, database, std::move(item));
}

napi_value TakeFlushOutputs(Call& call) {
  napi_env env = call.env;
  const std::vector<FlushOutput> outputs = FindDatabase(call, 0)->listener->TakeOutputs();
  napi_value list = MakeArray(env, outputs.size());
  for (size_t index = 0; index < outputs.size(); index++) {
    const FlushOutput& output = outputs[index];
    napi_value entry = MakeObject(env);
    SetProperty(env, entry, "name", MakeText(env, output.name));
    SetProperty(env, entry, "columnFamily", MakeText(env, output.columnFamily));
    SetProperty(env, entry, "sizeBytes", MakeSafeNumber(env, output.sizeBytes, "a file size"));
    SetProperty(env, entry, "smallestSequence", MakeSafeNumber(env, output.smallestSequence, "a sequence number"));
    SetProperty(env, entry, "largestSequence", MakeSafeNumber(env, output.largestSequence, "a sequence number"));
    SetProperty(env, entry, "uniqueId", MakeHex(env, output.uniqueId));
    SetProperty(env, entry, "checksum", MakeHex(env, output.checksum));
    SetProperty(env, entry, "isLinked", MakeBoolean(env, output.isLinked));
    SetProperty(env, entry, "linkErrno", MakeNumber(env, output.linkErrno));
    SetElement(env, list, index, entry);
  }
  return list;
}

napi_value SetFlushLinkDirectory(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const std::string directory = ReadText(call.env, call.Argument(1, "directory"), "directory", 4096, true);
  struct stat info;
  if (!directory.empty() && (stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
    Invalid("the flush link directory " + directory + " does not exist: create it first");
  }
  database.listener->SetLinkDirectory(directory);
  return nullptr;
}

napi_value CompactRange(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<ColumnFamily> family = database->Family(call.Uint32(1, "column family"));
  WorkItem item;
  item.run = [database, family] {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    Check(database->db->CompactRange(options, family->handle, nullptr, nullptr), "cannot compact");
  };
  return StartWork(call, database, std::move(item));
}

napi_value Resume(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  WorkItem item;
  item.run = [database] {
    database->listener->ForgetError();
    rocksdb::Status status = database->db->Resume();
    // RocksDB looks every five seconds whether a full disk has space again, and is busy until it found some.
    for (int attempt = 0; status.IsBusy() && attempt < kResumeAttempts; attempt++) {
      std::this_thread::sleep_for(kResumePause);
      status = database->db->Resume();
    }
    Check(status, "cannot resume after an error");
  };
  return StartWork(call, database, std::move(item));
}

}  // namespace tidemark

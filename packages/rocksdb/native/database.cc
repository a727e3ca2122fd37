#include "database.h"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>

#include <algorithm>

#include "errors.h"
#include "ttl_filter.h"

namespace tidemark {

using rocksdb::Status;

Database::Database(std::string directory, DatabaseOptions given) : path(std::move(directory)), options(std::move(given)) {
  listener = std::make_shared<FlushListener>();
  ingestListener = std::make_shared<IngestListener>();
  options.database.listeners.push_back(listener);
  options.database.listeners.push_back(ingestListener);
  readOptions.verify_checksums = true;
  writeOptions.disableWAL = !options.hasWriteAheadLog;
}

Database::~Database() {
  try {
    Close();
  } catch (const Failure&) {
    // Nobody is left to tell; close() is the way to learn of errors.
  }
}

rocksdb::ColumnFamilyOptions Database::FamilyOptions(MergeKind kind, const std::shared_ptr<TtlRules>& ttl) const {
  rocksdb::ColumnFamilyOptions result = options.columnFamily;
  result.merge_operator = MakeMergeOperator(kind, ttl);
  result.compaction_filter_factory = MakeTtlFilterFactory(ttl);
  return result;
}

namespace {

// RocksDB refuses to open a database unless every column family in it is named; say which one is missing, before it tries.
void CheckFamiliesAreListed(const DatabaseOptions& options, const std::string& path) {
  std::vector<std::string> existing;
  const Status status = rocksdb::DB::ListColumnFamilies(options.database, path, &existing);
  // Not found or unreadable: opening says it better.
  if (!status.ok()) return;
  for (const std::string& name : existing) {
    const bool isListed = std::any_of(options.families.begin(), options.families.end(),
                                      [&](const DatabaseOptions::Family& family) { return family.name == name; });
    if (!isListed) Invalid("the database in " + path + " has the column family \"" + name + "\": add it to columnFamilies");
  }
}

}  // namespace

void Database::Open() {
  // Flushes and compactions compete with the thread that processes records, so they run at nice 19. The pools belong to
  // the process; lowering them again has no effect.
  rocksdb::Env* env = rocksdb::Env::Default();
  for (const auto pool : {rocksdb::Env::HIGH, rocksdb::Env::LOW, rocksdb::Env::BOTTOM}) {
    Check(env->LowerThreadPoolCPUPriority(pool, rocksdb::CpuPriority::kLow), "cannot lower the priority of background threads");
  }
  CheckFamiliesAreListed(options, path);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  std::vector<std::shared_ptr<TtlRules>> rules;
  for (const DatabaseOptions::Family& family : options.families) {
    rules.push_back(std::make_shared<TtlRules>(ttlClock));
    descriptors.emplace_back(family.name, FamilyOptions(family.mergeKind, rules.back()));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const Status status = rocksdb::DB::Open(options.database, path, descriptors, &handles, &db);
  if (!status.ok()) throw FailureFromStatus(status, "cannot open the database in " + path);
  for (size_t index = 0; index < handles.size(); index++) {
    const DatabaseOptions::Family& family = options.families[index];
    families.push_back(std::make_shared<ColumnFamily>(db.get(), handles[index], family.name, family.mergeKind, rules[index]));
  }
}

void Database::Interrupt() {
  const std::lock_guard<std::mutex> lock(closing);
  listener->Abort();
  if (db != nullptr) rocksdb::CancelAllBackgroundWork(db.get(), false);
}

void Database::StopTableJobs() {
  isClosing = true;
  const std::lock_guard<std::mutex> lock(closing);
  drains.Stop();
  merger.Stop();
}

void Database::Close() {
  isClosing = true;
  const std::lock_guard<std::mutex> lock(closing);
  drains.Stop();
  merger.Stop();
  if (db == nullptr) return;
  listener->Abort();
  value.Reset();
  values.clear();
  cursors.Clear();
  snapshots.ForEach([this](const rocksdb::Snapshot*& snapshot) { db->ReleaseSnapshot(snapshot); });
  snapshots.Clear();
  families.clear();
  const Status status = db->Close();
  db.reset();
  if (!status.ok()) throw FailureFromStatus(status, "closing " + path + " reported an error (it is closed)");
}

std::shared_ptr<ColumnFamily>& Database::Family(uint32_t id) {
  if (id >= families.size() || families[id] == nullptr) [[unlikely]] {
    Invalid("there is no column family " + std::to_string(id) + " in this database, or it was dropped");
  }
  return families[id];
}

const rocksdb::Snapshot* Database::Snapshot(double handle) {
  if (handle == 0) return nullptr;
  const rocksdb::Snapshot** snapshot = snapshots.Find(handle);
  if (snapshot == nullptr) throw Failure{kDisposed, "the snapshot was released"};
  return *snapshot;
}

Cursor& Database::FindCursor(double handle) {
  std::unique_ptr<Cursor>* cursor = cursors.Find(handle);
  if (cursor == nullptr) throw Failure{kDisposed, "the iterator is closed"};
  return **cursor;
}

}  // namespace tidemark

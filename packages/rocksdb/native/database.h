// One open database and everything that hangs on it. Touched by its JavaScript thread only, except for what a work item
// (work.h) captured and the listener, which has its own lock.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drain_thread.h"
#include "flush_listener.h"
#include "handles.h"
#include "ingest_listener.h"
#include "merge.h"
#include "table_merger.h"
#include "ttl_rules.h"

namespace tidemark {

// Closed when the last holder lets go, so that a dropped family's files stay until its readers are done.
struct ColumnFamily {
  ColumnFamily(rocksdb::DB* owner, rocksdb::ColumnFamilyHandle* raw, std::string givenName, MergeKind kind,
               std::shared_ptr<TtlRules> rules)
      : database(owner),
        handle(raw),
        name(std::move(givenName)),
        mergeKind(kind),
        rocksdbId(raw->GetID()),
        ttl(std::move(rules)) {}
  ~ColumnFamily() { database->DestroyColumnFamilyHandle(handle).PermitUncheckedError(); }
  ColumnFamily(const ColumnFamily&) = delete;
  ColumnFamily& operator=(const ColumnFamily&) = delete;

  rocksdb::DB* database;
  rocksdb::ColumnFamilyHandle* handle;
  std::string name;
  MergeKind mergeKind;
  uint32_t rocksdbId;
  std::shared_ptr<TtlRules> ttl;  // the same that its filter and merge operator ask
  uint64_t lastWriteSequence = 0;  // of the last write through this object; 0 = none
  int64_t lastRecord = -1;         // scratch of Write: index of its last record in the batch being applied
};

// An iterator with the bounds it points to.
struct Cursor {
  std::shared_ptr<ColumnFamily> family;
  std::string lower;
  std::string upper;
  rocksdb::Slice lowerBound;
  rocksdb::Slice upperBound;
  bool isReverse = false;
  bool isPositioned = false;
  std::unique_ptr<rocksdb::Iterator> iterator;  // last: destroyed before what it points to
};

struct DatabaseOptions {
  rocksdb::DBOptions database;
  rocksdb::ColumnFamilyOptions columnFamily;
  std::shared_ptr<rocksdb::Cache> blockCache;  // null when there is none
  bool hasWriteAheadLog = false;
  struct Family {
    std::string name;
    MergeKind mergeKind;
  };
  std::vector<Family> families;  // "default" is always among them
};

class Database {
 public:
  Database(std::string directory, DatabaseOptions given);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Blocking; throws Failure.
  void Open();
  // Blocking, closes iterators and snapshots too; a second call does nothing.
  void Close();
  // Makes waiting flushes return and background jobs stop, without waiting for them.
  void Interrupt();
  // Ends drains and merges as soon as they notice, and waits for that; none begins any more.
  void StopTableJobs();

  // `ttl` must be the ColumnFamily's own.
  rocksdb::ColumnFamilyOptions FamilyOptions(MergeKind kind, const std::shared_ptr<TtlRules>& ttl) const;
  std::shared_ptr<ColumnFamily>& Family(uint32_t id);
  const rocksdb::Snapshot* Snapshot(double handle);
  Cursor& FindCursor(double handle);

  std::string path;
  DatabaseOptions options;
  std::unique_ptr<rocksdb::DB> db;
  std::shared_ptr<FlushListener> listener;
  std::shared_ptr<IngestListener> ingestListener;
  const std::shared_ptr<TtlClock> ttlClock = std::make_shared<TtlClock>();
  rocksdb::ReadOptions readOptions;
  rocksdb::WriteOptions writeOptions;

  std::vector<std::shared_ptr<ColumnFamily>> families;  // by id; null once dropped, ids are never used again
  HandleTable<std::unique_ptr<Cursor>> cursors;
  HandleTable<const rocksdb::Snapshot*> snapshots;

  // Scratch kept between calls so that the hot path does not allocate.
  rocksdb::WriteBatch batch;
  rocksdb::PinnableSlice value;
  std::vector<rocksdb::Slice> keys;
  std::vector<rocksdb::PinnableSlice> values;
  std::vector<rocksdb::Status> statuses;
  std::vector<ColumnFamily*> touched;

  // Before the thread of drains, which uses it.
  CollectedLayers collectedLayers;
  DrainThread drains;
  TableMerger merger;
  // Held while the database is closed, so that the end of the process, which comes on another thread, waits for it.
  std::mutex closing;
  size_t pendingWork = 0;
  std::atomic<bool> isClosing = false;
  std::function<void()> startClose;  // set by close() while other work is pending
};

}  // namespace tidemark

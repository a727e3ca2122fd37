#include "drain_job.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "database.h"
#include "failpoint.h"
#include "sort_entries.h"

namespace tidemark {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr size_t kEntriesBetweenChecks = 1024;
constexpr size_t kPrefetch = 8;
constexpr auto kLevel0Pause = std::chrono::milliseconds(5);

// While a snapshot is held RocksDB gives ingested files a new sequence number. Otherwise files that overlap nothing get 0, which
// is wrong in a chain of deltas: there an older delta, compacted away in this database, would lie above the newer one.
class SnapshotHold {
 public:
  explicit SnapshotHold(rocksdb::DB& db) : db_(db), snapshot_(db.GetSnapshot()) {}
  ~SnapshotHold() { db_.ReleaseSnapshot(snapshot_); }
  SnapshotHold(const SnapshotHold&) = delete;
  SnapshotHold& operator=(const SnapshotHold&) = delete;

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
};

// Through text: RocksDB does not give the number of files as an integer property.
uint64_t NumberProperty(const DrainJob& job, const std::string& name) {
  std::string value;
  if (!job.database->db->GetProperty(job.family->handle, name, &value)) return 0;
  return std::strtoull(value.c_str(), nullptr, 10);
}

// Writes stop when level 0 has too many files, but RocksDB adds ingested ones without limit. Gives up where compactions
// cannot help: switched off, not due yet, or failing.
void WaitForLevel0(const DrainJob& job) {
  const std::string files = rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0";
  const uint64_t errors = NumberProperty(job, rocksdb::DB::Properties::kBackgroundErrors);
  for (;;) {
    const rocksdb::Options options = job.database->db->GetOptions(job.family->handle);
    const int limit = std::max(options.level0_stop_writes_trigger, options.level0_file_num_compaction_trigger);
    if (options.disable_auto_compactions || limit <= 0 || NumberProperty(job, files) < static_cast<uint64_t>(limit)) return;
    if (NumberProperty(job, rocksdb::DB::Properties::kBackgroundErrors) != errors) return;
    job.CheckAborted();
    if (job.database->isClosing) throw Failure{kDisposed, "the database was closed while a drain waited for compactions"};
    std::this_thread::sleep_for(kLevel0Pause);
  }
}

TableFiles FilesOf(const DrainJob& job) {
  rocksdb::DB& db = *job.database->db;
  // The database's options too: its bytes_per_sync spreads out what would otherwise be written back all at once, by the fsync at the end.
  const rocksdb::EnvOptions files(job.database->options.database);
  return TableFiles(job, files, db.GetOptions(job.family->handle), job.family->handle,
                    {.opened = "drain-opened", .finished = "drain-finished", .isReadSoon = true});
}

void Add(TableFiles& files, const ColumnFamily& family, const Slice& key, const Change& change) {
  if (change.kind == Change::Kind::kDelete) return files.Delete(key);
  if (change.kind == Change::Kind::kPut) return files.Put(key, change.value);
  if (family.mergeKind != MergeKind::kListAppend) {
    Invalid("the table has list pieces without a base, but the column family \"" + family.name +
            "\" has not the merge operator list-append");
  }
  files.Merge(key, change.value);
}

void Ingest(const DrainJob& job, TableFiles& files) {
  if (files.Files().empty()) return;
  rocksdb::IngestExternalFileArg argument;
  argument.column_family = job.family->handle;
  argument.options.link_files = true;
  argument.options.fill_cache = false;
  // The writer computed them from the bytes it wrote.
  argument.options.verify_file_checksum = false;
  for (const TableFiles::Written& file : files.Files()) {
    argument.external_files.push_back(file.path);
    argument.files_checksums.push_back(file.info.file_checksum);
    argument.files_checksum_func_names.push_back(file.info.file_checksum_func_name);
  }
  const SnapshotHold hold(*job.database->db);
  Status status = job.database->db->IngestExternalFiles({argument});
  if (status.IsIOError() && !status.IsNoSpace()) {
    // RocksDB copies by itself only to another file system, not where links are forbidden (EPERM).
    argument.options.link_files = false;
    status = job.database->db->IngestExternalFiles({argument});
  }
  Check(status, "cannot add the drained files to the database");
  files.Keep();
}

std::vector<WrittenTable> Describe(const DrainJob& job, const TableFiles& files) {
  std::vector<WrittenTable> result;
  for (const TableFiles::Written& file : files.Files()) {
    const std::optional<IngestedFile> ingested = job.database->ingestListener->Take(file.path);
    if (!ingested.has_value()) throw Failure{kRocksDB, "RocksDB did not report the ingestion of " + file.path};
    result.push_back(TableFiles::Describe(file, {ingested->uniqueId, ingested->sequence, ingested->entryCount, ingested->deletionCount}));
  }
  return result;
}

CollectedLayers::Key KeyOf(const DrainJob& job) { return {job.layer.memory, job.family->handle->GetID(), job.layer.layer}; }

std::vector<WrittenTable> Drain(DrainJob& job) {
  // Sorting uses up the prefixes, and another attempt may need them.
  std::vector<EntryPlace> places = job.collected->places;
  const size_t count = places.size();
  if (count == 0) return {};
  const TableView view(job.collected->layer);
  SortEntries(view, places.data(), count, job.isAborted);
  TableFiles files = FilesOf(job);
  std::string buffer;
  for (size_t index = 0; index < count; index++) {
    if (index % kEntriesBetweenChecks == 0) job.CheckAborted();
    if (index + kPrefetch < count) view.Prefetch(places[index + kPrefetch]);
    const TableEntry entry = view.ReadEntry(places[index]);
    Add(files, *job.family, entry.key, view.ReadChange(entry, &buffer));
  }
  files.Finish();
  job.CheckAborted();
  WaitForLevel0(job);
  Ingest(job, files);
  Failpoint("drain-ingested");
  return Describe(job, files);
}

}  // namespace

void DrainJob::Collect() {
  Catch([this] {
    // What an attempt before this one has copied: the table may have been written since.
    std::shared_ptr<CollectedLayer> copy = database->collectedLayers.Find(KeyOf(*this));
    if (copy == nullptr) {
      copy = std::make_shared<CollectedLayer>(CollectLayer(layer, isAborted));
      Failpoint("drain-listed");
      // Who does not ask for progress leaves the table as it is until a drain has succeeded.
      if (progress != nullptr) database->collectedLayers.Keep(KeyOf(*this), copy);
    }
    collected = std::move(copy);
    layer.memory->EndDrain(memoryDrain);
    memoryDrain = 0;
    if (progress != nullptr) __atomic_store_n(reinterpret_cast<uint32_t*>(progress->data()), layer.layer, __ATOMIC_RELEASE);
  });
}

void DrainJob::Run() {
  Catch([this] {
    files = Drain(*this);
    database->collectedLayers.Forget(KeyOf(*this));
  });
}

void DrainJob::Release() {
  if (memoryDrain != 0) layer.memory->EndDrain(memoryDrain);
  memoryDrain = 0;
  layer = TableLayer{};
  collected.reset();
  progress.reset();
  family.reset();
}

}  // namespace tidemark

#include "drain_job.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
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

// Values of RocksDB's own that are part of every file (ValueType in db/dbformat.h).
constexpr uint8_t kTypeDeletion = 0;
constexpr uint8_t kTypeValue = 1;
constexpr uint8_t kTypeMerge = 2;

void CheckAborted(const DrainJob& job) {
  if (job.isAborted) throw Failure{kDisposed, "the thread is ending"};
}

// User key, then the little-endian number sequence * 256 + type.
std::string InternalKey(const std::string& key, uint64_t sequence, uint8_t type) {
  std::string result = key;
  const uint64_t tail = sequence << 8 | type;
  for (int shift = 0; shift < 64; shift += 8) result.push_back(static_cast<char>(tail >> shift));
  return result;
}

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
    CheckAborted(job);
    if (job.database->isClosing) throw Failure{kDisposed, "the database was closed while a drain waited for compactions"};
    std::this_thread::sleep_for(kLevel0Pause);
  }
}

// The files of one drain; those that are not kept are removed.
class FileSet {
 public:
  explicit FileSet(const DrainJob& job)
      : job_(job),
        // With bytes_per_sync of the database: what is written goes to disk as it comes, not in a burst at the fsync at the end.
        writer_(rocksdb::EnvOptions(job.database->options.database), job.database->db->GetOptions(job.family->handle),
                job.family->handle, false) {}
  ~FileSet() {
    if (isKept_) return;
    for (const Written& file : files_) unlink(file.path.c_str());
  }
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  void Add(const Slice& key, const Change& change) {
    if (!isOpen_) Open();
    const uint8_t type = Append(key, change);
    Written& file = files_.back();
    if (file.smallestType == kNoType) file.smallestType = type;
    file.largestType = type;
    if (writer_.FileSize() >= job_.targetFileBytes) Finish();
  }

  void Finish() {
    if (!isOpen_) return;
    Check(writer_.Finish(&files_.back().info), "cannot write a table file");
    isOpen_ = false;
    Failpoint("drain-finished");
  }

  void Ingest() {
    if (files_.empty()) return;
    rocksdb::IngestExternalFileArg argument;
    argument.column_family = job_.family->handle;
    argument.options.link_files = true;
    argument.options.fill_cache = false;
    // The writer computed them from the bytes it wrote.
    argument.options.verify_file_checksum = false;
    for (const Written& file : files_) {
      argument.external_files.push_back(file.path);
      argument.files_checksums.push_back(file.info.file_checksum);
      argument.files_checksum_func_names.push_back(file.info.file_checksum_func_name);
    }
    const SnapshotHold hold(*job_.database->db);
    Status status = job_.database->db->IngestExternalFiles({argument});
    if (status.IsIOError() && !status.IsNoSpace()) {
      // RocksDB copies by itself only to another file system, not where links are forbidden (EPERM).
      argument.options.link_files = false;
      status = job_.database->db->IngestExternalFiles({argument});
    }
    Check(status, "cannot add the drained files to the database");
    isKept_ = true;
  }

  std::vector<DrainedFile> Describe() const {
    std::vector<DrainedFile> result;
    for (const Written& file : files_) {
      const std::optional<IngestedFile> ingested = job_.database->ingestListener->Take(file.path);
      if (!ingested.has_value()) throw Failure{kRocksDB, "RocksDB did not report the ingestion of " + file.path};
      DrainedFile drained;
      drained.name = file.path.substr(file.path.rfind('/') + 1);
      drained.sizeBytes = file.info.file_size;
      drained.uniqueId = ingested->uniqueId;
      drained.checksum = file.info.file_checksum;
      drained.sequence = ingested->sequence;
      drained.smallestKey = file.info.smallest_key;
      drained.largestKey = file.info.largest_key;
      drained.smallestInternalKey = InternalKey(file.info.smallest_key, ingested->sequence, file.smallestType);
      drained.largestInternalKey = InternalKey(file.info.largest_key, ingested->sequence, file.largestType);
      drained.entryCount = ingested->entryCount;
      drained.deletionCount = ingested->deletionCount;
      result.push_back(std::move(drained));
    }
    return result;
  }

 private:
  static constexpr uint8_t kNoType = 255;
  struct Written {
    std::string path;
    rocksdb::ExternalSstFileInfo info;
    uint8_t smallestType = kNoType;
    uint8_t largestType = kNoType;
  };

  void Open() {
    const std::string path = job_.directory + "/" + job_.filePrefix + "-" + std::to_string(files_.size()) + ".sst";
    // Exclusively: RocksDB would empty a file of that name, which may be a link of one in a checkpoint.
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0 && errno == EEXIST) Invalid("there is a file " + path + ": choose another filePrefix");
    if (descriptor < 0) throw FailureFromErrno(errno, "cannot make " + path);
    close(descriptor);
    files_.push_back(Written{path, {}});
    Failpoint("drain-opened");
    Check(writer_.Open(path), "cannot write a table file");
    isOpen_ = true;
  }

  uint8_t Append(const Slice& key, const Change& change) {
    if (change.kind == Change::Kind::kDelete) {
      Check(writer_.Delete(key), "cannot write a table file");
      return kTypeDeletion;
    }
    if (change.kind == Change::Kind::kPut) {
      Check(writer_.Put(key, change.value), "cannot write a table file");
      return kTypeValue;
    }
    if (job_.family->mergeKind != MergeKind::kListAppend) {
      Invalid("the table has list pieces without a base, but the column family \"" + job_.family->name +
              "\" has not the merge operator list-append");
    }
    Check(writer_.Merge(key, change.value), "cannot write a table file");
    return kTypeMerge;
  }

  const DrainJob& job_;
  std::vector<Written> files_;
  bool isOpen_ = false;
  bool isKept_ = false;
  rocksdb::SstFileWriter writer_;
};

CollectedLayers::Key KeyOf(const DrainJob& job) { return {job.layer.memory, job.family->handle->GetID(), job.layer.layer}; }

std::vector<DrainedFile> Drain(DrainJob& job) {
  // Sorting uses up the prefixes, and another attempt may need them.
  std::vector<EntryPlace> places = job.collected->places;
  const size_t count = places.size();
  if (count == 0) return {};
  const TableView view(job.collected->layer);
  SortEntries(view, places.data(), count, job.isAborted);
  FileSet files(job);
  std::string buffer;
  for (size_t index = 0; index < count; index++) {
    if (index % kEntriesBetweenChecks == 0) CheckAborted(job);
    if (index + kPrefetch < count) view.Prefetch(places[index + kPrefetch]);
    const TableEntry entry = view.ReadEntry(places[index]);
    files.Add(entry.key, view.ReadChange(entry, &buffer));
  }
  files.Finish();
  CheckAborted(job);
  WaitForLevel0(job);
  files.Ingest();
  Failpoint("drain-ingested");
  return files.Describe();
}

template <typename Work>
void Catch(DrainJob& job, Work work) {
  if (job.failure.has_value()) return;
  try {
    CheckAborted(job);
    work();
  } catch (const Failure& reason) {
    job.failure = reason;
  } catch (const std::exception& error) {
    job.failure = Failure{kRocksDB, std::string("out of memory or internal error: ") + error.what()};
  }
}

}  // namespace

void DrainJob::Collect() {
  Catch(*this, [this] {
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
  Catch(*this, [this] {
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

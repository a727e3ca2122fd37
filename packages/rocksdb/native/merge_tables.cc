// The merge itself: per key the newest entry wins, and appended pieces are joined with what they are appended to. Deletions stay, because
// files below may hold what they delete. The result has the sequence number of the newest input, so no file between the inputs may be
// left out.
#include <rocksdb/merge_operator.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>
#include <rocksdb/utilities/types_util.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "table_merger.h"

namespace tidemark {
namespace {

using rocksdb::Slice;

constexpr size_t kEntriesBetweenChecks = 1024;
// For each run that is read; RocksDB begins with less.
constexpr size_t kReadAheadBytes = 128 * 1024;

[[noreturn]] void Damaged(const std::string& path, const std::string& what) {
  throw Failure{kStateCorrupt, "cannot merge " + path + ": " + what};
}

// Files are read once, from front to back: nothing of them is worth a place in the block cache.
rocksdb::Options ReadingOptions(const rocksdb::Options& of) {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.max_auto_readahead_size = kReadAheadBytes;
  rocksdb::Options options;
  options.env = of.env;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::string UniqueIdOf(const rocksdb::TableProperties& properties) {
  std::string id;
  if (!rocksdb::GetUniqueIdFromTableProperties(properties, &id).ok()) id.clear();
  return id;
}

// One input, read from its first entry on.
class InputTable {
 public:
  InputTable(const rocksdb::Options& options, const MergeInput& input) : path_(input.path), reader_(options) {
    CheckSize(input);
    Check(reader_.Open(path_), "cannot open a table file to merge");
    const std::shared_ptr<const rocksdb::TableProperties> properties = reader_.GetTableProperties();
    if (properties == nullptr) Damaged(path_, "it has no properties");
    if (UniqueIdOf(*properties) != input.uniqueId) Damaged(path_, "its unique id is not the one given: it is another file");
    if (!rocksdb::SstFileWriter::CreatedBySstFileWriter(*properties) || properties->num_range_deletions != 0) {
      Invalid("cannot merge " + path_ + ": neither a drain nor a merge wrote it");
    }
    expected_ = properties->num_entries;
    iterator_ = reader_.NewTableIterator();
    if (iterator_ == nullptr) Damaged(path_, "it cannot be read");
    iterator_->SeekToFirst();
    Parse();
  }

  bool IsValid() const { return isValid_; }
  const Slice& Key() const { return entry_.user_key; }
  rocksdb::EntryType Type() const { return entry_.type; }
  Slice Value() const { return iterator_->value(); }
  const std::string& Path() const { return path_; }

  void Next() {
    iterator_->Next();
    Parse();
  }

 private:
  static void CheckSize(const MergeInput& input) {
    struct stat info;
    if (stat(input.path.c_str(), &info) != 0) throw FailureFromErrno(errno, "cannot merge " + input.path);
    if (static_cast<uint64_t>(info.st_size) == input.sizeBytes) return;
    Damaged(input.path, "it has " + std::to_string(info.st_size) + " bytes instead of " + std::to_string(input.sizeBytes));
  }

  void Parse() {
    isValid_ = iterator_->Valid();
    if (!isValid_) {
      if (!iterator_->status().ok()) throw FailureFromStatus(iterator_->status(), "cannot read " + path_ + " to merge it");
      if (count_ != expected_) Damaged(path_, "it holds " + std::to_string(count_) + " entries instead of " + std::to_string(expected_));
      return;
    }
    count_++;
    Check(reader_.ParseTableIteratorKey(iterator_->key(), &entry_), "cannot read a table file to merge");
  }

  const std::string path_;
  rocksdb::SstFileReader reader_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // after the reader, whose table it reads
  rocksdb::ParsedEntryInfo entry_;
  uint64_t expected_ = 0;
  uint64_t count_ = 0;
  bool isValid_ = false;
};

// The tables of one sequence number, one after the other; one is open at a time.
class Run {
 public:
  Run(const rocksdb::Options& options, uint64_t sequence, std::vector<const MergeInput*> tables)
      : options_(options), sequence_(sequence), waiting_(tables.begin(), tables.end()) {
    const auto isBefore = [](const MergeInput* left, const MergeInput* right) { return left->smallestKey < right->smallestKey; };
    std::sort(waiting_.begin(), waiting_.end(), isBefore);
    OpenNext();
  }

  uint64_t Sequence() const { return sequence_; }
  bool IsValid() const { return table_ != nullptr; }
  const InputTable& Table() const { return *table_; }

  void Next() {
    last_.assign(table_->Key().data(), table_->Key().size());
    table_->Next();
    if (!table_->IsValid()) OpenNext();
    // Within a table RocksDB has seen to the order, but not to a key that is there twice.
    if (IsValid() && table_->Key().compare(last_) <= 0) Damaged(table_->Path(), "tables of one sequence number overlap");
  }

 private:
  void OpenNext() {
    table_.reset();
    while (table_ == nullptr && !waiting_.empty()) {
      auto table = std::make_unique<InputTable>(options_, *waiting_.front());
      waiting_.pop_front();
      if (table->IsValid()) table_ = std::move(table);
    }
  }

  const rocksdb::Options& options_;
  const uint64_t sequence_;
  std::deque<const MergeInput*> waiting_;
  std::unique_ptr<InputTable> table_;
  std::string last_;
};

// RocksDB knows the rest of a file only by reading it.
WrittenTable Describe(const MergeJob& job, const TableFiles::Written& file, uint64_t sequence) {
  rocksdb::SstFileReader reader(ReadingOptions(job.options));
  Check(reader.Open(file.path), "cannot read a merged table file");
  const std::shared_ptr<const rocksdb::TableProperties> properties = reader.GetTableProperties();
  const std::string uniqueId = UniqueIdOf(*properties);
  if (uniqueId.empty()) throw Failure{kRocksDB, "RocksDB gave " + file.path + " no unique id"};
  return TableFiles::Describe(file, {uniqueId, sequence, properties->num_entries, properties->num_deletions});
}

// What the inputs say about one key, told from the newest to the oldest.
class KeyHistory {
 public:
  explicit KeyHistory(const rocksdb::MergeOperator* mergeOperator) : operator_(mergeOperator) {}

  void Begin(const Slice& key) {
    key_.assign(key.data(), key.size());
    operands_.clear();
    hasBase_ = false;
    isDeleted_ = false;
  }

  const std::string& Key() const { return key_; }

  void Add(const InputTable& table) {
    // A put or deletion hides what is older.
    if (hasBase_ || isDeleted_) return;
    const Slice value = table.Value();
    switch (table.Type()) {
      case rocksdb::kEntryPut:
        hasBase_ = true;
        base_.assign(value.data(), value.size());
        return;
      case rocksdb::kEntryDelete:
        isDeleted_ = true;
        return;
      case rocksdb::kEntryMerge:
        if (operator_ == nullptr) Invalid("cannot merge " + table.Path() + ": it has merge operands, but the column family no operator");
        operands_.push_front(std::string(value.data(), value.size()));
        return;
      default:
        Damaged(table.Path(), "it has an entry that a drain does not write");
    }
  }

  void WriteTo(TableFiles& output) {
    if (operands_.empty()) {
      if (isDeleted_) output.Delete(key_);
      else output.Put(key_, base_);
      return;
    }
    if (hasBase_ || isDeleted_) {
      output.Put(key_, FullValue());
      return;
    }
    if (operands_.size() == 1) {
      output.Merge(key_, operands_.front());
      return;
    }
    const std::deque<Slice> slices(operands_.begin(), operands_.end());
    std::string joined;
    if (!operator_->PartialMergeMulti(key_, slices, &joined, nullptr)) Refused();
    output.Merge(key_, joined);
  }

 private:
  std::string FullValue() const {
    const Slice base(base_);
    const std::vector<Slice> slices(operands_.begin(), operands_.end());
    const rocksdb::MergeOperator::MergeOperationInput input(key_, hasBase_ ? &base : nullptr, slices, nullptr);
    std::string value;
    Slice existing(nullptr, 0);
    rocksdb::MergeOperator::MergeOperationOutput result(value, existing);
    if (!operator_->FullMergeV2(input, &result)) Refused();
    return existing.data() == nullptr ? value : existing.ToString();
  }

  [[noreturn]] static void Refused() {
    throw Failure{kStateCorrupt, "cannot merge table files: the merge operator does not take the value of a key"};
  }

  const rocksdb::MergeOperator* operator_;
  std::string key_;
  std::string base_;
  std::deque<std::string> operands_;  // the oldest first
  bool hasBase_ = false;
  bool isDeleted_ = false;
};

std::vector<std::unique_ptr<Run>> OpenRuns(const MergeJob& job, const rocksdb::Options& options) {
  std::map<uint64_t, std::vector<const MergeInput*>> bySequence;
  for (const MergeInput& input : job.inputs) bySequence[input.sequence].push_back(&input);
  std::vector<std::unique_ptr<Run>> runs;
  for (auto& [sequence, tables] : bySequence) {
    job.CheckAborted();
    auto run = std::make_unique<Run>(options, sequence, std::move(tables));
    if (run->IsValid()) runs.push_back(std::move(run));
  }
  return runs;
}

// A heap's order: the smallest key first, of equal keys the newest.
bool IsAfter(const Run* left, const Run* right) {
  const int order = left->Table().Key().compare(right->Table().Key());
  return order != 0 ? order > 0 : left->Sequence() < right->Sequence();
}

std::vector<WrittenTable> MergeTables(const MergeJob& job) {
  const rocksdb::Options options = ReadingOptions(job.options);
  std::vector<std::unique_ptr<Run>> runs = OpenRuns(job, options);
  uint64_t newest = 0;
  for (const MergeInput& input : job.inputs) newest = std::max(newest, input.sequence);
  std::vector<Run*> heap;
  for (const auto& run : runs) heap.push_back(run.get());
  std::make_heap(heap.begin(), heap.end(), IsAfter);
  // Without the column family, which may have been dropped meanwhile. The database never reads these files.
  TableFiles output(job, rocksdb::EnvOptions(job.options), job.options, nullptr,
                    {.opened = "merge-opened", .finished = "merge-finished", .isReadSoon = false});
  KeyHistory history(job.options.merge_operator.get());
  bool hasKey = false;
  for (size_t count = 0; !heap.empty(); count++) {
    if (count % kEntriesBetweenChecks == 0) job.CheckAborted();
    std::pop_heap(heap.begin(), heap.end(), IsAfter);
    Run* run = heap.back();
    if (!hasKey || run->Table().Key() != history.Key()) {
      if (hasKey) history.WriteTo(output);
      history.Begin(run->Table().Key());
      hasKey = true;
    }
    history.Add(run->Table());
    run->Next();
    if (run->IsValid()) std::push_heap(heap.begin(), heap.end(), IsAfter);
    else heap.pop_back();
  }
  if (hasKey) history.WriteTo(output);
  output.Finish();
  job.CheckAborted();
  std::vector<WrittenTable> result;
  for (const TableFiles::Written& file : output.Files()) result.push_back(Describe(job, file, newest));
  output.Keep();
  return result;
}

}  // namespace

void MergeJob::Run() {
  Catch([this] { files = MergeTables(*this); });
}

}  // namespace tidemark

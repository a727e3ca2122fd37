// Applying a batch of records. Every record is checked before the first one is handed to RocksDB, because RocksDB finds some
// mistakes (a merge without an operator, a reversed range) only while it applies them, and then stops accepting writes.
#include <cstring>

#include "functions.h"
#include "instance.h"

namespace tidemark {
namespace {

using rocksdb::Slice;

constexpr size_t kHeaderSize = 12;
// A batch far above the usual one is not kept for the next call.
constexpr size_t kKeptBatchBytes = 8u << 20;

enum Operation : uint8_t { kPut = 0, kDelete = 1, kMerge = 2, kDeleteRange = 3 };

// Little endian: u16 column family, u8 operation, u8 zero, u32 key length, u32 value length, key, value. The value of a
// range delete is the end of the range (exclusive).
struct Record {
  uint16_t family;
  uint8_t operation;
  Slice key;
  Slice value;
};

[[noreturn]] void InvalidRecord(size_t index, const std::string& problem) {
  Invalid("record " + std::to_string(index) + " of the batch " + problem + "; nothing was written");
}

// Reads the record at `position` and moves it on. The caller knows that position < records.size().
Record ReadRecord(Slice records, size_t* position, size_t index) {
  const size_t left = records.size() - *position;
  if (left < kHeaderSize) InvalidRecord(index, "is cut off in its header");
  const char* data = records.data() + *position;
  Record record;
  uint32_t keyLength;
  uint32_t valueLength;
  std::memcpy(&record.family, data, 2);
  record.operation = static_cast<uint8_t>(data[2]);
  std::memcpy(&keyLength, data + 4, 4);
  std::memcpy(&valueLength, data + 8, 4);
  if (data[3] != 0) InvalidRecord(index, "has a reserved byte that is not zero");
  if (uint64_t{keyLength} + valueLength > left - kHeaderSize) InvalidRecord(index, "is longer than the batch");
  record.key = Slice(data + kHeaderSize, keyLength);
  record.value = Slice(data + kHeaderSize + keyLength, valueLength);
  *position += kHeaderSize + keyLength + valueLength;
  return record;
}

void CheckRecord(Database& database, const Record& record, size_t index) {
  if (record.family >= database.families.size() || database.families[record.family] == nullptr) {
    InvalidRecord(index, "names column family " + std::to_string(record.family) + ", which does not exist or was dropped");
  }
  const MergeKind kind = database.families[record.family]->mergeKind;
  switch (record.operation) {
    case kPut:
      return;
    case kDelete:
      if (record.value.size() != 0) InvalidRecord(index, "is a delete with a value");
      return;
    case kMerge:
      if (kind == MergeKind::kNone) InvalidRecord(index, "is a merge into a column family without a merge operator");
      if (kind == MergeKind::kInt64Add && record.value.size() != kInt64Size) {
        InvalidRecord(index, "is an int64-add merge whose operand is not 8 bytes long");
      }
      return;
    case kDeleteRange:
      if (record.key.compare(record.value) > 0) InvalidRecord(index, "is a range delete that ends before it starts");
      return;
    default:
      InvalidRecord(index, "has the unknown operation " + std::to_string(record.operation));
  }
}

void Append(rocksdb::WriteBatch& batch, ColumnFamily& family, const Record& record) {
  rocksdb::ColumnFamilyHandle* handle = family.handle;
  switch (record.operation) {
    case kPut:
      return Check(batch.Put(handle, record.key, record.value), "cannot put");
    case kDelete:
      return Check(batch.Delete(handle, record.key), "cannot delete");
    case kMerge:
      return Check(batch.Merge(handle, record.key, record.value), "cannot merge");
    default:
      return Check(batch.DeleteRange(handle, record.key, record.value), "cannot delete a range");
  }
}

// Fills database.batch and notes the last record of each column family. Returns the number of records in the input.
uint32_t BuildBatch(Database& database, Slice records) {
  uint32_t count = 0;
  for (size_t position = 0; position < records.size(); count++) CheckRecord(database, ReadRecord(records, &position, count), count);
  database.batch.Clear();
  uint32_t index = 0;
  for (size_t position = 0; position < records.size(); index++) {
    const Record record = ReadRecord(records, &position, index);
    // RocksDB takes an empty range but gives it no sequence number, which would break the count below.
    if (record.operation == kDeleteRange && record.key == record.value) continue;
    ColumnFamily& family = *database.families[record.family];
    if (family.lastRecord < 0) database.touched.push_back(&family);
    family.lastRecord = database.batch.Count();
    Append(database.batch, family, record);
  }
  return count;
}

// The first 8 bytes of an applied batch are the sequence number of its first record, and each record takes one.
uint64_t FirstSequence(const rocksdb::WriteBatch& batch) {
  uint64_t sequence;
  std::memcpy(&sequence, batch.Data().data(), sizeof sequence);
  return sequence;
}

// Forgets the scratch marks of BuildBatch whatever happens.
class TouchedScope {
 public:
  explicit TouchedScope(Database& database) : database_(database) {}
  ~TouchedScope() {
    for (ColumnFamily* family : database_.touched) family->lastRecord = -1;
    database_.touched.clear();
  }

 private:
  Database& database_;
};

}  // namespace

napi_value Write(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const Slice records = call.Prefix(1, 2, "records");
  const bool isSynced = call.Boolean(3, "isSynced");
  if (isSynced && !database.options.hasWriteAheadLog) Invalid("a synced write needs the option writeAheadLog");
  const TouchedScope scope(database);
  const uint32_t count = BuildBatch(database, records);
  rocksdb::WriteOptions options = database.writeOptions;
  options.sync = isSynced;
  Check(database.db->Write(options, &database.batch), "cannot write");
  const uint64_t first = FirstSequence(database.batch);
  for (ColumnFamily* family : database.touched) {
    family->lastWriteSequence = first + static_cast<uint64_t>(family->lastRecord);
  }
  if (database.batch.GetDataSize() > kKeptBatchBytes) database.batch = rocksdb::WriteBatch();
  return MakeNumber(call.env, count);
}

}  // namespace tidemark

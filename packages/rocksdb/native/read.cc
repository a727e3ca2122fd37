// Reads of single keys, snapshots and properties.
#include <cstring>
#include <string>

#include "functions.h"
#include "instance.h"

namespace tidemark {

using rocksdb::Slice;
using rocksdb::Status;

namespace {

constexpr double kAnyHandle = 9007199254740991.0;
constexpr uint32_t kMaxKeys = 1u << 20;

// The read options live in the database; a snapshot is set for one call only.
class SnapshotScope {
 public:
  SnapshotScope(Database& database, double handle) : options_(database.readOptions) {
    options_.snapshot = database.Snapshot(handle);
  }
  ~SnapshotScope() { options_.snapshot = nullptr; }

 private:
  rocksdb::ReadOptions& options_;
};

}  // namespace

napi_value Get(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  const SnapshotScope scope(database, call.Whole(2, "snapshot", kAnyHandle));
  const Slice key = call.Prefix(3, 4, "key");
  const ByteSpan out = call.Bytes(5, "out");
  database.value.Reset();
  const Status status = database.db->Get(database.readOptions, family.handle, key, &database.value);
  if (status.IsNotFound()) return MakeNumber(call.env, -1);
  Check(status, "cannot read");
  const size_t length = database.value.size();
  // Too small: the caller learns the length, grows its buffer and asks again.
  if (length > 0 && length <= out.length) std::memcpy(out.data, database.value.data(), length);
  database.value.Reset();
  return MakeNumber(call.env, static_cast<double>(length));
}

namespace {

void ReadKeys(Database& database, Slice packed, uint32_t count) {
  database.keys.clear();
  const char* position = packed.data();
  size_t left = packed.size();
  for (uint32_t index = 0; index < count; index++) {
    uint32_t length;
    if (left < sizeof length) Invalid("the keys end in the middle of a length");
    std::memcpy(&length, position, sizeof length);
    position += sizeof length;
    left -= sizeof length;
    if (length > left) Invalid("the keys end in the middle of a key");
    database.keys.emplace_back(position, length);
    position += length;
    left -= length;
  }
  if (left != 0) Invalid("there are bytes after the last key");
}

// Packs the values and their ranges; returns the bytes needed, and fills nothing when `out` has fewer.
size_t PackValues(Database& database, uint32_t count, ByteSpan out, int32_t* ranges) {
  size_t total = 0;
  for (uint32_t index = 0; index < count; index++) {
    const Status& status = database.statuses[index];
    if (status.ok()) total += database.values[index].size();
    else if (!status.IsNotFound()) throw FailureFromStatus(status, "cannot read");
  }
  if (total > INT32_MAX) Invalid("the values take more than 2 GiB together: read fewer keys at once");
  if (total > out.length) return total;
  size_t position = 0;
  for (uint32_t index = 0; index < count; index++) {
    if (!database.statuses[index].ok()) {
      ranges[2 * index] = ranges[2 * index + 1] = -1;
      continue;
    }
    const size_t length = database.values[index].size();
    if (length > 0) std::memcpy(out.data + position, database.values[index].data(), length);
    ranges[2 * index] = static_cast<int32_t>(position);
    position += length;
    ranges[2 * index + 1] = static_cast<int32_t>(position);
  }
  return total;
}

}  // namespace

napi_value MultiGet(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  const SnapshotScope scope(database, call.Whole(2, "snapshot", kAnyHandle));
  const Slice packed = call.Prefix(3, 4, "keys");
  const uint32_t count = call.Uint32(5, "count", kMaxKeys);
  const ByteSpan out = call.Bytes(6, "out");
  size_t rangesLength = 0;
  int32_t* ranges = call.Int32s(7, "ranges", &rangesLength);
  if (rangesLength < size_t{count} * 2) Invalid("ranges must have two elements a key");
  ReadKeys(database, packed, count);
  if (database.values.size() < count) {
    database.values = std::vector<rocksdb::PinnableSlice>(count);
    database.statuses.resize(count);
  }
  size_t needed = 0;
  const auto release = [&] {
    for (uint32_t index = 0; index < count; index++) database.values[index].Reset();
  };
  try {
    database.db->MultiGet(database.readOptions, family.handle, count, database.keys.data(), database.values.data(),
                          database.statuses.data());
    needed = PackValues(database, count, out, ranges);
  } catch (...) {
    release();
    throw;
  }
  release();
  return MakeNumber(call.env, static_cast<double>(needed));
}

napi_value TakeSnapshot(Call& call) {
  Database& database = *FindDatabase(call, 0);
  return MakeNumber(call.env, database.snapshots.Add(database.db->GetSnapshot()));
}

napi_value ReleaseSnapshot(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const double handle = call.Whole(1, "snapshot", kAnyHandle);
  const rocksdb::Snapshot** snapshot = database.snapshots.Find(handle);
  if (snapshot == nullptr) throw Failure{kDisposed, "the snapshot was released"};
  database.db->ReleaseSnapshot(*snapshot);
  database.snapshots.Remove(handle);
  return nullptr;
}

napi_value GetProperty(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  std::string value;
  if (!database.db->GetProperty(family.handle, call.Text(2, "property"), &value)) return nullptr;
  return MakeText(call.env, value);
}

napi_value LatestSequenceNumber(Call& call) {
  return MakeSafeNumber(call.env, FindDatabase(call, 0)->db->GetLatestSequenceNumber(), "the latest sequence number");
}

}  // namespace tidemark

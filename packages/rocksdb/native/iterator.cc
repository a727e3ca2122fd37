// Iterators, read in chunks: one call fills a buffer with [u32 key length][u32 value length][key][value] entries.
#include <cstring>

#include "functions.h"
#include "instance.h"

namespace tidemark {

using rocksdb::Slice;

namespace {

constexpr double kAnyHandle = 9007199254740991.0;
constexpr uint32_t kReverse = 1;
constexpr uint32_t kSkipCache = 2;
constexpr uint32_t kHasLower = 4;
constexpr uint32_t kHasUpper = 8;
constexpr size_t kEntryHeader = 8;

void SeekToStart(Cursor& cursor) {
  if (cursor.isReverse) {
    cursor.iterator->SeekToLast();
  } else {
    cursor.iterator->SeekToFirst();
  }
  cursor.isPositioned = true;
}

}  // namespace

napi_value OpenIterator(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const std::shared_ptr<ColumnFamily>& family = database.Family(call.Uint32(1, "column family"));
  const rocksdb::Snapshot* snapshot = database.Snapshot(call.Whole(2, "snapshot", kAnyHandle));
  const uint32_t flags = call.Uint32(3, "flags", 15);
  const ByteSpan bounds = call.Bytes(4, "bounds");
  const uint32_t lowerLength = call.Uint32(5, "lowerLength");
  const uint32_t upperLength = call.Uint32(6, "upperLength");
  if (uint64_t{lowerLength} + upperLength > bounds.length) Invalid("the bounds are longer than their buffer");

  auto cursor = std::make_unique<Cursor>();
  cursor->family = family;
  cursor->isReverse = (flags & kReverse) != 0;
  rocksdb::ReadOptions options = database.readOptions;
  options.snapshot = snapshot;
  options.fill_cache = (flags & kSkipCache) == 0;
  if ((flags & kHasLower) != 0) {
    if (lowerLength > 0) cursor->lower.assign(bounds.data, lowerLength);
    cursor->lowerBound = cursor->lower;
    options.iterate_lower_bound = &cursor->lowerBound;
  }
  if ((flags & kHasUpper) != 0) {
    if (upperLength > 0) cursor->upper.assign(bounds.data + lowerLength, upperLength);
    cursor->upperBound = cursor->upper;
    options.iterate_upper_bound = &cursor->upperBound;
  }
  cursor->iterator.reset(database.db->NewIterator(options, family->handle));
  Check(cursor->iterator->status(), "cannot open an iterator");
  return MakeNumber(call.env, database.cursors.Add(std::move(cursor)));
}

napi_value NextChunk(Call& call) {
  Database& database = *FindDatabase(call, 0);
  Cursor& cursor = database.FindCursor(call.Whole(1, "iterator", kAnyHandle));
  const ByteSpan out = call.Bytes(2, "out");
  uint32_t left = call.Uint32(3, "maxEntries");
  // The reader takes positions in the chunk as 32-bit numbers.
  const size_t limit = out.length < INT32_MAX ? out.length : INT32_MAX;
  rocksdb::Iterator& iterator = *cursor.iterator;
  if (!cursor.isPositioned) SeekToStart(cursor);
  size_t filled = 0;
  for (; left > 0 && iterator.Valid(); left--) {
    const Slice key = iterator.key();
    const Slice value = iterator.value();
    const size_t needed = kEntryHeader + key.size() + value.size();
    if (needed > limit - filled) {
      if (filled > 0) break;
      if (needed > INT32_MAX) throw Failure{kRocksDB, "an entry is larger than 2 GiB"};
      return MakeNumber(call.env, -static_cast<double>(needed));
    }
    const uint32_t lengths[2] = {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size())};
    std::memcpy(out.data + filled, lengths, kEntryHeader);
    std::memcpy(out.data + filled + kEntryHeader, key.data(), key.size());
    std::memcpy(out.data + filled + kEntryHeader + key.size(), value.data(), value.size());
    filled += needed;
    if (cursor.isReverse) {
      iterator.Prev();
    } else {
      iterator.Next();
    }
  }
  // An iterator that met an error just says that it is not valid.
  Check(iterator.status(), "cannot read the next entries");
  return MakeNumber(call.env, static_cast<double>(filled));
}

napi_value SeekIterator(Call& call) {
  Database& database = *FindDatabase(call, 0);
  Cursor& cursor = database.FindCursor(call.Whole(1, "iterator", kAnyHandle));
  const ByteSpan target = call.Bytes(2, "target");
  const uint32_t keyLength = call.Uint32(3, "keyLength");
  const uint32_t upperLength = call.Uint32(4, "upperLength");
  if (uint64_t{keyLength} + upperLength > target.length) Invalid("the target is longer than its buffer");
  const Slice key(reinterpret_cast<const char*>(target.data), keyLength);
  if (upperLength > 0) {
    if (cursor.isReverse || cursor.upperBound.empty()) Invalid("only a forward iterator that has an upper bound can get another one");
    // The iterator reads the bound through its options at every step. What it decided about the current block by the old bound can make it
    // go on to the end of that block, so the caller checks keys against the bound too.
    cursor.upper.assign(target.data + keyLength, upperLength);
    cursor.upperBound = cursor.upper;
  }
  if (cursor.isReverse) {
    cursor.iterator->SeekForPrev(key);
  } else {
    cursor.iterator->Seek(key);
  }
  cursor.isPositioned = true;
  Check(cursor.iterator->status(), "cannot seek");
  return nullptr;
}

napi_value CloseIterator(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const double handle = call.Whole(1, "iterator", kAnyHandle);
  database.FindCursor(handle);
  database.cursors.Remove(handle);
  return nullptr;
}

}  // namespace tidemark

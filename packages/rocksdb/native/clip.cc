// Taking key ranges out of a column family. Not DB::ClipColumnFamily, which loses the lower bound's own key where a file
// ends with it, and uses bounds of files that a compaction may free meanwhile.
#include <rocksdb/convenience.h>
#include <rocksdb/metadata.h>

#include <algorithm>
#include <optional>
#include <string>

#include "functions.h"
#include "instance.h"
#include "work.h"

namespace tidemark {
namespace {

using rocksdb::Slice;

// [lower, upper); no upper: up to the last key.
struct KeyRange {
  std::string lower;
  std::optional<std::string> upper;
};

KeyRange ReadRange(Call& call, size_t index) {
  KeyRange range;
  const ByteSpan lower = call.Bytes(index, "lower");
  if (lower.length > 0) range.lower.assign(lower.data, lower.length);
  if (call.Boolean(index + 2, "hasUpper")) {
    const ByteSpan upper = call.Bytes(index + 1, "upper");
    range.upper.emplace(upper.length > 0 ? std::string(upper.data, upper.length) : std::string());
    if (*range.upper < range.lower) Invalid("the range ends before it starts");
  }
  return range;
}

// Smallest and largest key of all files; nothing when there are none.
std::optional<std::pair<std::string, std::string>> Bounds(rocksdb::DB& db, const ColumnFamily& family) {
  rocksdb::ColumnFamilyMetaData metadata;
  db.GetColumnFamilyMetaData(family.handle, &metadata);
  std::optional<std::pair<std::string, std::string>> bounds;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      if (!bounds.has_value()) bounds.emplace(file.smallestkey, file.largestkey);
      bounds->first = std::min(bounds->first, file.smallestkey);
      bounds->second = std::max(bounds->second, file.largestkey);
    }
  }
  return bounds;
}

bool IsOutside(const std::string& key, const KeyRange& range) {
  return key < range.lower || (range.upper.has_value() && key >= *range.upper);
}

void DeleteFiles(rocksdb::DB& db, const ColumnFamily& family, const std::vector<rocksdb::RangeOpt>& ranges) {
  Check(rocksdb::DeleteFilesInRanges(&db, family.handle, ranges.data(), ranges.size(), false), "cannot delete files of a range");
}

void FlushAll(rocksdb::DB& db, const ColumnFamily& family) {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  Check(db.Flush(options, family.handle), "cannot flush");
}

void Clip(Database& database, const ColumnFamily& family, const KeyRange& range) {
  rocksdb::DB& db = *database.db;
  FlushAll(db, family);
  std::vector<rocksdb::RangeOpt> outside{rocksdb::RangeOpt(rocksdb::OptSlice(), range.lower)};
  if (range.upper.has_value()) outside.emplace_back(*range.upper, rocksdb::OptSlice());
  DeleteFiles(db, family, outside);
  const auto bounds = Bounds(db, family);
  if (!bounds.has_value() || (!IsOutside(bounds->first, range) && !IsOutside(bounds->second, range))) return;
  rocksdb::WriteBatch batch;
  if (bounds->first < range.lower) Check(batch.DeleteRange(family.handle, bounds->first, range.lower), "cannot clip");
  if (range.upper.has_value() && bounds->second >= *range.upper) {
    Check(batch.DeleteRange(family.handle, *range.upper, bounds->second), "cannot clip");
    Check(batch.Delete(family.handle, bounds->second), "cannot clip");
  }
  Check(db.Write(database.writeOptions, &batch), "cannot clip");
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  Check(db.CompactRange(options, family.handle, nullptr, nullptr), "cannot clip");
  const auto after = Bounds(db, family);
  if (after.has_value() && (IsOutside(after->first, range) || IsOutside(after->second, range))) {
    throw Failure{kRocksDB, "the column family \"" + family.name +
                                "\" still has entries outside of the range: release all snapshots and clip again"};
  }
}

}  // namespace

napi_value ClipColumnFamily(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<ColumnFamily> family = database->Family(call.Uint32(1, "column family"));
  const KeyRange range = ReadRange(call, 2);
  WorkItem item;
  item.run = [database, family, range] { Clip(*database, *family, range); };
  return StartWork(call, database, std::move(item));
}

napi_value DeleteFilesInRange(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<ColumnFamily> family = database->Family(call.Uint32(1, "column family"));
  const KeyRange range = ReadRange(call, 2);
  WorkItem item;
  item.run = [database, family, range] {
    const rocksdb::OptSlice upper = range.upper.has_value() ? rocksdb::OptSlice(*range.upper) : rocksdb::OptSlice();
    DeleteFiles(*database->db, *family, {rocksdb::RangeOpt(range.lower, upper)});
  };
  return StartWork(call, database, std::move(item));
}

}  // namespace tidemark

// What a database uses and did.
#include <rocksdb/advanced_cache.h>
#include <rocksdb/statistics.h>

#include <string>

#include "functions.h"
#include "instance.h"

namespace tidemark {
namespace {

constexpr uint32_t kTickers[] = {
    rocksdb::BLOCK_CACHE_MISS, rocksdb::BLOCK_CACHE_HIT, rocksdb::BLOCK_CACHE_ADD, rocksdb::BLOCK_CACHE_INDEX_MISS,
    rocksdb::BLOCK_CACHE_INDEX_HIT, rocksdb::BLOCK_CACHE_FILTER_MISS, rocksdb::BLOCK_CACHE_FILTER_HIT,
    rocksdb::BLOCK_CACHE_DATA_MISS, rocksdb::BLOCK_CACHE_DATA_HIT, rocksdb::BLOCK_CACHE_BYTES_READ,
    rocksdb::BLOCK_CACHE_BYTES_WRITE, rocksdb::BLOOM_FILTER_USEFUL, rocksdb::BLOOM_FILTER_FULL_POSITIVE,
    rocksdb::BLOOM_FILTER_FULL_TRUE_POSITIVE, rocksdb::MEMTABLE_HIT, rocksdb::MEMTABLE_MISS, rocksdb::GET_HIT_L0,
    rocksdb::GET_HIT_L1, rocksdb::GET_HIT_L2_AND_UP, rocksdb::COMPACTION_KEY_DROP_NEWER_ENTRY,
    rocksdb::COMPACTION_KEY_DROP_OBSOLETE, rocksdb::COMPACTION_KEY_DROP_RANGE_DEL, rocksdb::COMPACTION_KEY_DROP_USER,
    rocksdb::NUMBER_KEYS_WRITTEN, rocksdb::NUMBER_KEYS_READ, rocksdb::BYTES_WRITTEN, rocksdb::BYTES_READ,
    rocksdb::NUMBER_DB_SEEK, rocksdb::NUMBER_DB_NEXT, rocksdb::NUMBER_DB_PREV, rocksdb::NUMBER_DB_SEEK_FOUND,
    rocksdb::ITER_BYTES_READ, rocksdb::NO_FILE_OPENS, rocksdb::NO_FILE_ERRORS, rocksdb::STALL_MICROS,
    rocksdb::NUMBER_MULTIGET_CALLS, rocksdb::NUMBER_MULTIGET_KEYS_READ, rocksdb::NUMBER_MERGE_FAILURES,
    rocksdb::COMPACT_READ_BYTES, rocksdb::COMPACT_WRITE_BYTES, rocksdb::FLUSH_WRITE_BYTES,
};

std::string TickerName(uint32_t ticker) {
  for (const auto& [number, name] : rocksdb::TickersNameMap) {
    if (number == ticker) return name;
  }
  throw Failure{kRocksDB, "RocksDB has no name for ticker " + std::to_string(ticker)};
}

uint64_t SumOfFamilies(Database& database, const rocksdb::Slice& property) {
  uint64_t sum = 0;
  database.db->GetAggregatedIntProperty(property, &sum);
  return sum;
}

}  // namespace

napi_value MemoryUsage(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const rocksdb::Cache* cache = database.options.blockCache.get();
  napi_value result = MakeObject(call.env);
  const auto set = [&](const char* name, uint64_t bytes) {
    SetProperty(call.env, result, name, MakeSafeNumber(call.env, bytes, "a size"));
  };
  set("blockCache", cache == nullptr ? 0 : cache->GetUsage());
  set("blockCachePinned", cache == nullptr ? 0 : cache->GetPinnedUsage());
  set("tableReaders", SumOfFamilies(database, rocksdb::DB::Properties::kEstimateTableReadersMem));
  set("layerCopies", database.collectedLayers.SizeBytes());
  set("memtables", SumOfFamilies(database, rocksdb::DB::Properties::kSizeAllMemTables));
  return result;
}

napi_value Statistics(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const std::shared_ptr<rocksdb::Statistics>& statistics = database.options.database.statistics;
  if (statistics == nullptr) Invalid("statistics need the option statistics: true");
  napi_value result = MakeObject(call.env);
  for (const uint32_t ticker : kTickers) {
    SetProperty(call.env, result, TickerName(ticker).c_str(),
                MakeSafeNumber(call.env, statistics->getTickerCount(ticker), "a counter"));
  }
  return result;
}

}  // namespace tidemark

#include "options.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <set>

#include "level_filter.h"
#include "own_options.h"
#include "shared_cache.h"

namespace tidemark {
namespace {

constexpr double kMaxBytes = 1099511627776.0;  // 1 TiB
constexpr double kMaxCount = 1000000;

// Takes the info log's place so that RocksDB writes no LOG file.
class SilentLogger final : public rocksdb::Logger {
 public:
  SilentLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class OptionsReader {
 public:
  OptionsReader(napi_env env, napi_value object) : env_(env), object_(object) {}

  double Number(const char* name, double min, double max) const {
    return ReadNumber(env_, ReadProperty(env_, object_, name), std::string("option ") + name, min, max);
  }
  size_t Bytes(const char* name, double min) const { return static_cast<size_t>(Number(name, min, kMaxBytes)); }
  int Count(const char* name, double min, double max) const { return static_cast<int>(Number(name, min, max)); }
  bool Flag(const char* name) const {
    return ReadBoolean(env_, ReadProperty(env_, object_, name), std::string("option ") + name);
  }
  std::string Word(const char* name) const {
    return ReadText(env_, ReadProperty(env_, object_, name), std::string("option ") + name, 64, false);
  }

 private:
  napi_env env_;
  napi_value object_;
};

rocksdb::CompressionType ReadCompression(const std::string& word) {
  if (word == "none") return rocksdb::kNoCompression;
  if (word == "lz4") return rocksdb::kLZ4Compression;
  if (word == "zstd") return rocksdb::kZSTD;
  Invalid("option compression must be \"none\", \"lz4\" or \"zstd\"");
}

rocksdb::CompactionStyle ReadStyle(const std::string& word) {
  if (word == "level") return rocksdb::kCompactionStyleLevel;
  if (word == "universal") return rocksdb::kCompactionStyleUniversal;
  Invalid("option compactionStyle must be \"level\" or \"universal\"");
}

void ReadDatabaseOptions(const OptionsReader& reader, DatabaseOptions* options) {
  rocksdb::DBOptions& database = options->database;
  database.create_if_missing = reader.Flag("createIfMissing");
  database.error_if_exists = reader.Flag("errorIfExists");
  database.create_missing_column_families = true;
  database.max_background_jobs = reader.Count("maxBackgroundJobs", 1, 64);
  database.max_open_files = -1;
  database.bytes_per_sync = 1 << 20;
  database.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  // Without a write-ahead log RocksDB would otherwise flush at every close.
  database.avoid_flush_during_shutdown = !reader.Flag("flushOnClose");
  // Statistics threads and start-up sampling that nobody here reads.
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.skip_stats_update_on_db_open = true;
  if (reader.Flag("infoLog")) {
    database.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    database.max_log_file_size = 1 << 20;
    database.keep_log_file_num = 2;
  } else {
    database.info_log = std::make_shared<SilentLogger>();
  }
  if (reader.Flag("statistics")) {
    database.statistics = rocksdb::CreateDBStatistics();
    // Counters only: histograms would ask for the time around every operation.
    database.statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  }
  options->hasWriteAheadLog = reader.Flag("writeAheadLog");
}

// The shared one, one of this database alone, or none.
std::shared_ptr<rocksdb::Cache> ReadBlockCache(const OptionsReader& reader) {
  const auto shared = static_cast<uint32_t>(reader.Number("blockCacheId", 0, UINT32_MAX));
  if (shared != 0) {
    std::shared_ptr<rocksdb::Cache> cache = FindSharedCache(shared);
    if (cache == nullptr) throw Failure{kDisposed, "the cache of option blockCache is closed"};
    return cache;
  }
  const size_t bytes = reader.Bytes("blockCacheBytes", 0);
  return bytes == 0 ? nullptr : MakeBlockCache(bytes);
}

void ReadTableOptions(const OptionsReader& reader, DatabaseOptions* options) {
  rocksdb::BlockBasedTableOptions table;
  options->blockCache = ReadBlockCache(reader);
  table.block_cache = options->blockCache;
  table.no_block_cache = table.block_cache == nullptr;
  table.block_size = static_cast<size_t>(reader.Number("blockSizeBytes", 256, 16777216));
  // The newest that the tools of RocksDB 7.8 (Debian 12) can read.
  table.format_version = 5;
  table.cache_index_and_filter_blocks = reader.Flag("cacheIndexAndFilterBlocks");
  if (reader.Flag("partitionedIndex")) {
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
    // Keys of an index piece begin alike. Whole ones (RocksDB's default, 1) take several times the room in the cache.
    table.index_block_restart_interval = 16;
  }
  const bool isCharged = reader.Flag("chargeTableReaders");
  if (table.no_block_cache && (isCharged || table.cache_index_and_filter_blocks)) {
    Invalid("options chargeTableReaders and cacheIndexAndFilterBlocks need a block cache");
  }
  if (isCharged) {
    table.cache_usage_options.options_overrides[rocksdb::CacheEntryRole::kBlockBasedTableReader] = {
        rocksdb::CacheEntryRoleOptions::Decision::kEnabled};
  }
  if (reader.Flag("chargeMemtables")) {
    if (table.no_block_cache) Invalid("option chargeMemtables needs a block cache");
    // No limit of its own: it only takes room from the cache. Databases with one cache are so counted in one budget.
    options->database.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(0, table.block_cache);
  }
  table.optimize_filters_for_memory = reader.Flag("optimizeFiltersForMemory");
  const double bloomBits = reader.Number("bloomBitsPerKey", 0, 64);
  const double lastLevelPart = reader.Number("lastLevelBloomPercent", 0, 100) / 100;
  if (bloomBits > 0) table.filter_policy = MakeLevelFilter(bloomBits, bloomBits * lastLevelPart);
  options->columnFamily.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

void ReadFamilyOptions(const OptionsReader& reader, DatabaseOptions* options) {
  rocksdb::ColumnFamilyOptions* family = &options->columnFamily;
  family->write_buffer_size = reader.Bytes("writeBufferSizeBytes", 65536);
  family->max_write_buffer_number = reader.Count("maxWriteBufferNumber", 2, 64);
  family->compression = ReadCompression(reader.Word("compression"));
  family->compaction_style = ReadStyle(reader.Word("compactionStyle"));
  family->level_compaction_dynamic_level_bytes = true;
  family->disable_auto_compactions = reader.Flag("disableAutoCompactions");
  family->level0_file_num_compaction_trigger = reader.Count("level0CompactionTrigger", 1, kMaxCount);
  family->level0_slowdown_writes_trigger = reader.Count("level0SlowdownTrigger", 1, kMaxCount);
  family->level0_stop_writes_trigger = reader.Count("level0StopTrigger", 1, kMaxCount);
  // No limits: after the import of a long chain of deltas the first write would wait for compaction for seconds.
  family->soft_pending_compaction_bytes_limit = 0;
  family->hard_pending_compaction_bytes_limit = 0;
  ReadTableOptions(reader, options);
}

}  // namespace

MergeKind ReadMergeKind(napi_env env, napi_value value, const std::string& name) {
  const std::string word = ReadText(env, value, name, 64, false);
  if (word == "none") return MergeKind::kNone;
  if (word == "list-append") return MergeKind::kListAppend;
  if (word == "int64-add") return MergeKind::kInt64Add;
  Invalid(name + " must be \"none\", \"list-append\" or \"int64-add\"");
}

DatabaseOptions ReadOptionsObject(napi_env env, napi_value object) {
  DatabaseOptions options;
  const OptionsReader reader(env, object);
  ReadDatabaseOptions(reader, &options);
  ReadFamilyOptions(reader, &options);
  ApplyOwnOptions(env, object, &options);
  napi_value list = ReadProperty(env, object, "columnFamilies");
  const uint32_t count = ReadArrayLength(env, list, "option columnFamilies", 10000);
  std::set<std::string> names;
  for (uint32_t index = 0; index < count; index++) {
    napi_value entry = ReadElement(env, list, index);
    std::string name = ReadText(env, ReadProperty(env, entry, "name"), "the name of a column family", 1024, false);
    if (!names.insert(name).second) Invalid("the column family \"" + name + "\" is listed twice");
    const MergeKind kind = ReadMergeKind(env, ReadProperty(env, entry, "mergeOperator"), "mergeOperator");
    options.families.push_back({std::move(name), kind});
  }
  // RocksDB insists on a column family of this name; it always has the number 0.
  const auto found = std::find_if(options.families.begin(), options.families.end(), [](const DatabaseOptions::Family& family) {
    return family.name == rocksdb::kDefaultColumnFamilyName;
  });
  if (found == options.families.end()) {
    options.families.insert(options.families.begin(), {rocksdb::kDefaultColumnFamilyName, MergeKind::kNone});
  } else {
    std::rotate(options.families.begin(), found, found + 1);
  }
  return options;
}

}  // namespace tidemark

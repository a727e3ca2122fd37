#include "own_options.h"

#include <rocksdb/convenience.h>

#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "call.h"
#include "errors.h"

namespace tidemark {
namespace {

using rocksdb::Status;
using Map = std::unordered_map<std::string, std::string>;

// What the binding sets itself and relies on.
const std::set<std::string>& ReservedNames() {
  static const auto* names = new std::set<std::string>{
      "comparator", "merge_operator", "compaction_filter", "compaction_filter_factory", "inplace_update_support", "cf_paths",
      "db_paths", "listeners", "file_checksum_gen_factory", "env", "wal_dir", "info_log", "create_missing_column_families",
      "allow_ingest_behind", "cf_allow_ingest_behind", "persist_user_defined_timestamps", "two_write_queues", "unordered_write",
  };
  return *names;
}

// One at a time, so that the message names the one that is wrong.
void ApplyEach(napi_env env, napi_value object, const char* property, const std::function<Status(const Map&)>& apply) {
  napi_value list = ReadProperty(env, object, property);
  const uint32_t count = ReadArrayLength(env, list, property, 2000);
  if (count % 2 != 0) Invalid(std::string(property) + " must be name and value pairs");
  for (uint32_t index = 0; index < count; index += 2) {
    const std::string name = ReadText(env, ReadElement(env, list, index), std::string("a name in ") + property, 256, false);
    const std::string value = ReadText(env, ReadElement(env, list, index + 1), std::string(property) + "." + name, 65536, true);
    if (ReservedNames().count(name) != 0) Invalid(std::string(property) + "." + name + " cannot be set: the binding sets it itself");
    const Status status = apply({{name, value}});
    if (status.ok()) continue;
    Invalid(std::string(property) + "." + name + " is not an option of RocksDB, or \"" + value + "\" is no value for it (" +
            status.ToString() + ")");
  }
}

}  // namespace

void ApplyOwnOptions(napi_env env, napi_value object, DatabaseOptions* options) {
  rocksdb::ConfigOptions config;
  config.ignore_unknown_options = false;
  config.input_strings_escaped = false;
  config.invoke_prepare_options = false;
  ApplyEach(env, object, "databaseOptions", [&](const Map& map) {
    rocksdb::DBOptions changed;
    const Status status = rocksdb::GetDBOptionsFromMap(config, options->database, map, &changed);
    if (status.ok()) options->database = changed;
    return status;
  });
  ApplyEach(env, object, "columnFamilyOptions", [&](const Map& map) {
    rocksdb::ColumnFamilyOptions changed;
    const Status status = rocksdb::GetColumnFamilyOptionsFromMap(config, options->columnFamily, map, &changed);
    if (status.ok()) options->columnFamily = changed;
    return status;
  });
}

}  // namespace tidemark

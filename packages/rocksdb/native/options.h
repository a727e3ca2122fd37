// Reads the options object of open(). The TypeScript layer fills every property in; ranges are checked here again because
// a wrong number must not reach RocksDB whoever calls.
#pragma once

#include "call.h"
#include "database.h"

namespace tidemark {

DatabaseOptions ReadOptionsObject(napi_env env, napi_value object);

MergeKind ReadMergeKind(napi_env env, napi_value value, const std::string& name);

}  // namespace tidemark

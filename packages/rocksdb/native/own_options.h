// RocksDB's own options under RocksDB's own names, as text.
#pragma once

#include <node_api.h>

#include "database.h"

namespace tidemark {

// Applies the properties databaseOptions and columnFamilyOptions of the options object, arrays [name, value, name, value, ...].
// Throws INVALID_ARGUMENT that names the option when there is none of that name, its value is wrong, or the binding needs it.
void ApplyOwnOptions(napi_env env, napi_value object, DatabaseOptions* options);

}  // namespace tidemark

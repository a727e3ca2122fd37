// Arguments that are lists of column families.
#pragma once

#include <memory>
#include <vector>

#include "call.h"
#include "database.h"

namespace tidemark {

std::vector<std::shared_ptr<ColumnFamily>> ReadFamilies(Call& call, Database& database, size_t index);

}  // namespace tidemark

// Block caches that several databases of the process share, also across threads.
#pragma once

#include <rocksdb/cache.h>

#include <cstdint>
#include <memory>

namespace tidemark {

// Where index and filter blocks are in the cache, data blocks make room first: a read needs several of those, and each serves more keys.
std::shared_ptr<rocksdb::Cache> MakeBlockCache(size_t capacityBytes);

// Kept until removed; databases that use it keep it longer. Numbers are never used again.
uint32_t AddSharedCache(size_t capacityBytes);
// Null when it was removed.
std::shared_ptr<rocksdb::Cache> FindSharedCache(uint32_t id);
bool RemoveSharedCache(uint32_t id);

}  // namespace tidemark

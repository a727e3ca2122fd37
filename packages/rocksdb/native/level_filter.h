// Filters of another size in the last level.
#pragma once

#include <rocksdb/filter_policy.h>

#include <memory>

namespace tidemark {

// Bloom filters with so many bits a key, and with others in files that compactions write into the last level. Nearly all keys are there,
// so its filters take nearly all the room, and a read that finds its key there has no use for them.
std::shared_ptr<const rocksdb::FilterPolicy> MakeLevelFilter(double bitsPerKey, double lastLevelBitsPerKey);

}  // namespace tidemark

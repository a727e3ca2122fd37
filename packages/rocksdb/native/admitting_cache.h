// A block cache that blocks which are read only once do not churn.
#pragma once

#include <rocksdb/advanced_cache.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tidemark {

// Once the cache has been filled, a block takes the place of others only when it is missed a second time soon after the first. Others are
// the reader's alone, charged while it has them. Reads of random keys of a large state would otherwise replace a block each, which costs
// more than finding the key in it, and would push out index and filters.
class AdmittingCache final : public rocksdb::CacheWrapper {
 public:
  explicit AdmittingCache(std::shared_ptr<rocksdb::Cache> target);

  const char* Name() const override { return "TidemarkAdmittingCache"; }

  rocksdb::Status Insert(const rocksdb::Slice& key, ObjectPtr value, const CacheItemHelper* helper, size_t charge, Handle** handle,
                         Priority priority, const rocksdb::Slice& compressed, rocksdb::CompressionType type) override;
  void SetCapacity(size_t capacity) override;

 private:
  bool IsAdmitted(const rocksdb::Slice& key, size_t charge);

  std::atomic<size_t> capacity_;
  // Bytes that were put in without a question; stays at the capacity from then on.
  std::atomic<size_t> filled_ = 0;
  // What was missed of late: a byte of the hash of each key, where the rest of the hash says. Newer ones overwrite older ones.
  std::vector<std::atomic<uint8_t>> missed_;
};

}  // namespace tidemark

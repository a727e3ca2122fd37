#include "admitting_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tidemark {
namespace {

using rocksdb::CacheEntryRole;

// A block has 4 KiB, so the last misses of four times as many blocks as there is room for are known.
constexpr size_t kBytesPerMiss = 1024;
constexpr size_t kFewestMisses = 1024;
constexpr size_t kMostMisses = size_t{1} << 22;

// What readers read. Reservations of memory are entries too, and have to be.
bool IsBlock(CacheEntryRole role) {
  return role == CacheEntryRole::kDataBlock || role == CacheEntryRole::kFilterBlock || role == CacheEntryRole::kIndexBlock;
}

uint64_t HashOf(const rocksdb::Slice& key) {
  uint64_t hash = 0;
  for (size_t at = 0; at + sizeof hash <= key.size(); at += sizeof hash) {
    uint64_t word;
    std::memcpy(&word, key.data() + at, sizeof word);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

AdmittingCache::AdmittingCache(std::shared_ptr<rocksdb::Cache> target)
    : rocksdb::CacheWrapper(std::move(target)),
      capacity_(target_->GetCapacity()),
      missed_(std::bit_ceil(std::clamp(capacity_.load() / kBytesPerMiss, kFewestMisses, kMostMisses))) {}

rocksdb::Status AdmittingCache::Insert(const rocksdb::Slice& key, ObjectPtr value, const CacheItemHelper* helper, size_t charge,
                                       Handle** handle, Priority priority, const rocksdb::Slice& compressed,
                                       rocksdb::CompressionType type) {
  if (handle != nullptr && IsBlock(helper->role) && !IsAdmitted(key, charge)) {
    *handle = target_->CreateStandalone(key, value, helper, charge, /*allow_uncharged=*/true);
    return rocksdb::Status::OK();
  }
  return target_->Insert(key, value, helper, charge, handle, priority, compressed, type);
}

void AdmittingCache::SetCapacity(size_t capacity) {
  capacity_.store(capacity, std::memory_order_relaxed);
  target_->SetCapacity(capacity);
}

bool AdmittingCache::IsAdmitted(const rocksdb::Slice& key, size_t charge) {
  if (filled_.load(std::memory_order_relaxed) < capacity_.load(std::memory_order_relaxed)) {
    filled_.fetch_add(charge, std::memory_order_relaxed);
    return true;
  }
  const uint64_t hash = HashOf(key);
  std::atomic<uint8_t>& missed = missed_[hash & (missed_.size() - 1)];
  const auto tag = static_cast<uint8_t>(hash >> 56);
  if (missed.load(std::memory_order_relaxed) == tag) return true;
  missed.store(tag, std::memory_order_relaxed);
  return false;
}

}  // namespace tidemark

#include "shared_cache.h"

#include <rocksdb/advanced_cache.h>

#include <map>
#include <mutex>

#include "admitting_cache.h"
#include "functions.h"
#include "instance.h"

namespace tidemark {
namespace {

// Of the cache; more is only taken from data blocks that were used longer ago.
constexpr double kIndexAndFilterPart = 0.9;

struct Registry {
  std::mutex mutex;
  std::map<uint32_t, std::shared_ptr<rocksdb::Cache>> caches;
  uint32_t lastId = 0;
};

// Never destroyed: other threads may still use it when the process ends.
Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

std::shared_ptr<rocksdb::Cache> ReadCache(Call& call) {
  std::shared_ptr<rocksdb::Cache> cache = FindSharedCache(call.Uint32(0, "cache"));
  if (cache == nullptr) throw Failure{kDisposed, "the cache is closed"};
  return cache;
}

size_t ReadCapacity(Call& call, size_t index) {
  return static_cast<size_t>(ReadNumber(call.env, call.Argument(index, "capacityBytes"), "capacityBytes", 1, 1099511627776.0));
}

}  // namespace

std::shared_ptr<rocksdb::Cache> MakeBlockCache(size_t capacityBytes) {
  rocksdb::LRUCacheOptions options;
  options.capacity = capacityBytes;
  options.high_pri_pool_ratio = kIndexAndFilterPart;
  return std::make_shared<AdmittingCache>(options.MakeSharedCache());
}

uint32_t AddSharedCache(size_t capacityBytes) {
  std::shared_ptr<rocksdb::Cache> cache = MakeBlockCache(capacityBytes);
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> guard(registry.mutex);
  registry.caches[++registry.lastId] = std::move(cache);
  return registry.lastId;
}

std::shared_ptr<rocksdb::Cache> FindSharedCache(uint32_t id) {
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> guard(registry.mutex);
  const auto found = registry.caches.find(id);
  return found == registry.caches.end() ? nullptr : found->second;
}

bool RemoveSharedCache(uint32_t id) {
  Registry& registry = TheRegistry();
  std::shared_ptr<rocksdb::Cache> removed;
  std::lock_guard<std::mutex> guard(registry.mutex);
  const auto found = registry.caches.find(id);
  if (found == registry.caches.end()) return false;
  removed = std::move(found->second);
  registry.caches.erase(found);
  return true;
}

napi_value CreateSharedCache(Call& call) { return MakeNumber(call.env, AddSharedCache(ReadCapacity(call, 0))); }

napi_value SharedCacheUsage(Call& call) {
  const std::shared_ptr<rocksdb::Cache> cache = ReadCache(call);
  napi_value result = MakeObject(call.env);
  SetProperty(call.env, result, "capacityBytes", MakeSafeNumber(call.env, cache->GetCapacity(), "a capacity"));
  SetProperty(call.env, result, "usedBytes", MakeSafeNumber(call.env, cache->GetUsage(), "a size"));
  SetProperty(call.env, result, "pinnedBytes", MakeSafeNumber(call.env, cache->GetPinnedUsage(), "a size"));
  return result;
}

napi_value SetSharedCacheCapacity(Call& call) {
  ReadCache(call)->SetCapacity(ReadCapacity(call, 1));
  return nullptr;
}

napi_value CloseSharedCache(Call& call) {
  return MakeBoolean(call.env, RemoveSharedCache(call.Uint32(0, "cache")));
}

}  // namespace tidemark

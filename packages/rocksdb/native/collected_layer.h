// The entries of a layer in memory of their own, so that the table may be written again long before its drain has ended.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "table_view.h"

namespace tidemark {

struct CollectedLayer {
  // Names the copies; read them with a TableView of it.
  TableLayer layer;
  // In no particular order; `prefix` is the first two bytes of the key.
  std::vector<EntryPlace> places;
};

// Layers whose drains have begun and not succeeded, so that the next attempt does not need the table.
class CollectedLayers {
 public:
  struct Key {
    std::shared_ptr<TableMemory> memory;
    uint32_t family;  // RocksDB gives each number once
    uint32_t layer;
    bool operator<(const Key& other) const {
      return std::tie(memory, family, layer) < std::tie(other.memory, other.family, other.layer);
    }
  };

  std::shared_ptr<CollectedLayer> Find(const Key& key) const {
    std::lock_guard<std::mutex> guard(mutex_);
    const auto found = layers_.find(key);
    return found == layers_.end() ? nullptr : found->second;
  }
  // Of the copies that are kept.
  size_t SizeBytes() const {
    std::lock_guard<std::mutex> guard(mutex_);
    size_t sum = 0;
    for (const auto& [key, collected] : layers_) {
      sum += collected->layer.memory->SizeBytes() + collected->places.capacity() * sizeof(EntryPlace);
    }
    return sum;
  }
  void Keep(const Key& key, std::shared_ptr<CollectedLayer> collected) {
    std::lock_guard<std::mutex> guard(mutex_);
    layers_[key] = std::move(collected);
  }
  void Forget(const Key& key) {
    std::lock_guard<std::mutex> guard(mutex_);
    layers_.erase(key);
  }

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<CollectedLayer>> layers_;
};

// Copies what `layer` changes. Throws Failure STATE_CORRUPT for a damaged table, DISPOSED when `isAborted` was set.
CollectedLayer CollectLayer(const TableLayer& layer, const std::atomic<bool>& isAborted);

}  // namespace tidemark

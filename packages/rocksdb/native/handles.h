// Numbers that stand for native objects in JavaScript. A number is slot + generation * 2^20: a slot that is used again gets a
// new generation, so the number of a closed object is refused instead of reaching whatever took its place. 20 + 32 bits
// stay below 2^53, and the first 2,047 generations of a slot below 2^31, where V8 needs no heap number.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "errors.h"

namespace tidemark {

template <typename T>
class HandleTable {
 public:
  double Add(T object) {
    uint32_t slot;
    if (free_.empty()) {
      if (slots_.size() >= kSlots) throw Failure{kRocksDB, "more than a million objects are open: close some"};
      slot = static_cast<uint32_t>(slots_.size());
      slots_.push_back(Slot{});
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Slot& entry = slots_[slot];
    entry.generation++;
    entry.isUsed = true;
    entry.object = std::move(object);
    return static_cast<double>(entry.generation) * kSlots + slot;
  }

  // Null when the handle was never given out, or its object was removed.
  T* Find(double handle) {
    if (!(handle >= kSlots && handle < kLimit) || handle != std::floor(handle)) return nullptr;
    const auto number = static_cast<uint64_t>(handle);
    const uint64_t slot = number % kSlots;
    if (slot >= slots_.size()) return nullptr;
    Slot& entry = slots_[slot];
    return entry.isUsed && entry.generation == number / kSlots ? &entry.object : nullptr;
  }

  void Remove(double handle) {
    if (Find(handle) == nullptr) return;
    const auto slot = static_cast<uint32_t>(static_cast<uint64_t>(handle) % kSlots);
    slots_[slot].object = T{};
    slots_[slot].isUsed = false;
    // A slot whose generations are used up stays unused for ever.
    if (slots_[slot].generation != UINT32_MAX) free_.push_back(slot);
  }

  template <typename Visit>
  void ForEach(Visit visit) {
    for (Slot& slot : slots_) {
      if (slot.isUsed) visit(slot.object);
    }
  }

  void Clear() {
    for (uint32_t slot = 0; slot < slots_.size(); slot++) {
      if (!slots_[slot].isUsed) continue;
      Remove(static_cast<double>(slots_[slot].generation) * kSlots + slot);
    }
  }

 private:
  static constexpr uint32_t kSlots = 1u << 20;
  static constexpr double kLimit = 4503599627370496.0;  // 2^52

  struct Slot {
    uint32_t generation = 0;
    bool isUsed = false;
    T object{};
  };

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace tidemark

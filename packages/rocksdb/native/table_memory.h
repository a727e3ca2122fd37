// The memory of a write-back table: chunks that hold its segments, and blocks that hold one large entry each. Owned here and
// not by JavaScript, so that a drain can read it on a thread of its own whatever happens to the JavaScript side. Layout:
// docs/formats/write-back-table.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace tidemark {

// Zeroed memory that is given back by the last holder.
class Memory {
 public:
  // Pages straight from the kernel, which cost nothing before they are touched; large ones for multiples of 2 MiB. Throws Failure.
  static std::shared_ptr<Memory> Map(size_t sizeBytes);
  // From the allocator, which does not round small sizes up to pages. Throws Failure.
  static std::shared_ptr<Memory> Allocate(size_t sizeBytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  Memory(char* data, size_t size, bool isMapped) : data_(data), size_(size), isMapped_(isMapped) {}

  char* data_;
  size_t size_;
  bool isMapped_;
};

// What an ArrayBuffer holds; it can be emptied before the garbage collector gets to the ArrayBuffer.
struct Lease {
  std::shared_ptr<Memory> memory;
};

// The JavaScript thread adds and frees, the thread of a drain reads; a lock keeps them apart.
class TableMemory {
 public:
  // Numbered 0, 1, 2, ...
  std::shared_ptr<Lease> AddChunk(size_t sizeBytes);
  std::shared_ptr<Lease> AllocateBlock(size_t sizeBytes, uint32_t* id);
  // The number is given out again, and the memory goes, when the drains that have begun by now have ended. False when there is
  // no such block.
  bool FreeBlock(uint32_t id);
  size_t SizeBytes() const;

  std::vector<std::shared_ptr<Memory>> Chunks() const;
  // Null when there is no such block.
  std::shared_ptr<Memory> Block(uint32_t id) const;

  // Between these two, blocks that are freed stay readable under their number.
  uint64_t BeginDrain();
  void EndDrain(uint64_t drain);

 private:
  struct Slot {
    std::shared_ptr<Memory> memory;
    std::shared_ptr<Lease> lease;  // null once freed
  };
  struct Freed {
    uint32_t id;
    uint64_t lastDrain;  // the youngest drain that may still read it
  };

  void ReleaseFreed();

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Memory>> chunks_;
  std::vector<Slot> blocks_;
  std::vector<uint32_t> unusedIds_;
  std::vector<Freed> freed_;
  std::set<uint64_t> drains_;
  uint64_t lastDrain_ = 0;
  size_t sizeBytes_ = 0;
};

}  // namespace tidemark

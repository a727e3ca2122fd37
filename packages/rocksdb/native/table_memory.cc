#include "table_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "errors.h"

namespace tidemark {

#ifndef __SANITIZE_ADDRESS__
namespace {

// Of x86-64, and of arm64 with pages of 4 KiB.
constexpr size_t kLargePage = 2 << 20;

// Keeps the part of a mapping, larger by a large page, that begins at a multiple of one. Random reads of a large table mostly wait for
// the address translation of ordinary pages. Where the system has no large pages these are ordinary ones.
char* UseLargePages(char* mapped, size_t sizeBytes) {
  const size_t before = (kLargePage - reinterpret_cast<uintptr_t>(mapped) % kLargePage) % kLargePage;
  char* data = mapped + before;
  if (before > 0) munmap(mapped, before);
  munmap(data + sizeBytes, kLargePage - before);
#ifdef MADV_HUGEPAGE
  madvise(data, sizeBytes, MADV_HUGEPAGE);
#endif
  return data;
}

}  // namespace
#endif

std::shared_ptr<Memory> Memory::Map(size_t sizeBytes) {
#ifdef __SANITIZE_ADDRESS__
  // Only what the allocator gave out has guarded edges.
  return Allocate(sizeBytes);
#else
  const bool isLarge = sizeBytes % kLargePage == 0;
  const size_t mappedBytes = isLarge ? sizeBytes + kLargePage : sizeBytes;
  void* mapped = mmap(nullptr, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw FailureFromErrno(errno, "cannot get " + std::to_string(sizeBytes) + " bytes of memory");
  char* data = static_cast<char*>(mapped);
  if (isLarge) data = UseLargePages(data, sizeBytes);
  return std::shared_ptr<Memory>(new Memory(data, sizeBytes, true));
#endif
}

std::shared_ptr<Memory> Memory::Allocate(size_t sizeBytes) {
  void* data = std::calloc(sizeBytes, 1);
  if (data == nullptr) throw FailureFromErrno(ENOMEM, "cannot get " + std::to_string(sizeBytes) + " bytes of memory");
  return std::shared_ptr<Memory>(new Memory(static_cast<char*>(data), sizeBytes, false));
}

Memory::~Memory() {
  if (isMapped_) {
    munmap(data_, size_);
  } else {
    std::free(data_);
  }
}

namespace {

// From this size on glibc maps memory too, but later raises that limit and then keeps what is freed.
constexpr size_t kMapBytes = 128 << 10;

}  // namespace

std::shared_ptr<Lease> TableMemory::AddChunk(size_t sizeBytes) {
  std::shared_ptr<Memory> memory = Memory::Map(sizeBytes);
  auto lease = std::make_shared<Lease>(Lease{memory});
  std::lock_guard<std::mutex> guard(mutex_);
  chunks_.push_back(std::move(memory));
  sizeBytes_ += sizeBytes;
  return lease;
}

std::shared_ptr<Lease> TableMemory::AllocateBlock(size_t sizeBytes, uint32_t* id) {
  std::shared_ptr<Memory> memory = sizeBytes < kMapBytes ? Memory::Allocate(sizeBytes) : Memory::Map(sizeBytes);
  auto lease = std::make_shared<Lease>(Lease{memory});
  std::lock_guard<std::mutex> guard(mutex_);
  if (unusedIds_.empty()) {
    *id = static_cast<uint32_t>(blocks_.size());
    blocks_.push_back({});
  } else {
    *id = unusedIds_.back();
    unusedIds_.pop_back();
  }
  blocks_[*id] = Slot{std::move(memory), lease};
  sizeBytes_ += sizeBytes;
  return lease;
}

bool TableMemory::FreeBlock(uint32_t id) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (id >= blocks_.size() || blocks_[id].lease == nullptr) return false;
  // The ArrayBuffer is detached by now, but its finalizer may run much later.
  blocks_[id].lease->memory.reset();
  blocks_[id].lease.reset();
  freed_.push_back({id, lastDrain_});
  ReleaseFreed();
  return true;
}

// Freed in the order of lastDrain, so those that can go are at the front.
void TableMemory::ReleaseFreed() {
  const uint64_t oldest = drains_.empty() ? UINT64_MAX : *drains_.begin();
  size_t released = 0;
  for (; released < freed_.size() && freed_[released].lastDrain < oldest; released++) {
    Slot& slot = blocks_[freed_[released].id];
    sizeBytes_ -= slot.memory->size();
    slot.memory.reset();
    unusedIds_.push_back(freed_[released].id);
  }
  freed_.erase(freed_.begin(), freed_.begin() + static_cast<ptrdiff_t>(released));
}

size_t TableMemory::SizeBytes() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return sizeBytes_;
}

std::vector<std::shared_ptr<Memory>> TableMemory::Chunks() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return chunks_;
}

std::shared_ptr<Memory> TableMemory::Block(uint32_t id) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return id < blocks_.size() ? blocks_[id].memory : nullptr;
}

uint64_t TableMemory::BeginDrain() {
  std::lock_guard<std::mutex> guard(mutex_);
  drains_.insert(++lastDrain_);
  return lastDrain_;
}

void TableMemory::EndDrain(uint64_t drain) {
  std::lock_guard<std::mutex> guard(mutex_);
  drains_.erase(drain);
  ReleaseFreed();
}

}  // namespace tidemark

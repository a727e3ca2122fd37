// Reads the entries of a frozen write-back table out of its memory. Every length and offset is checked before it is
// used, each time: whatever the memory holds, no byte outside of it is read. Layout: docs/formats/write-back-table.md.
#pragma once

#include <rocksdb/slice.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "table_memory.h"

namespace tidemark {

// One layer of a table, as drain() is told.
struct TableLayer {
  std::shared_ptr<TableMemory> memory;
  std::vector<std::shared_ptr<Memory>> chunks;
  std::vector<uint32_t> segments;
  uint32_t segmentBytes = 0;
  uint32_t chunkShift = 0;
  uint32_t layer = 0;
};

// Where an entry is, and eight bytes of its key to sort by (sort_entries.h).
struct EntryPlace {
  uint64_t prefix;
  uint32_t segment;  // index in TableLayer::segments
  uint16_t offset;
};

enum class EntryKind : uint8_t { kValue = 1, kTombstone = 2, kList = 3 };

struct TableEntry {
  EntryKind kind;
  uint32_t layer;
  rocksdb::Slice key;
  rocksdb::Slice value;
  std::shared_ptr<Memory> block;  // what key and value point into when they are not in a segment
};

// What an entry means to the database below.
struct Change {
  enum class Kind { kNone, kPut, kDelete, kMerge } kind = Kind::kNone;
  rocksdb::Slice value;  // may point into the buffer given to ReadChange
};

class TableView {
 public:
  // `layer` must outlive the view. Throws Failure INVALID_ARGUMENT for segments outside of the chunks.
  explicit TableView(const TableLayer& layer);

  size_t SegmentCount() const { return bases_.size(); }
  // At least the entries of a segment; throws STATE_CORRUPT.
  uint32_t SlotCount(size_t segment) const;
  // Appends the places of the layer's entries in a segment to `places`, which has room for them; returns the new count. prefix
  // is set to the first two bytes of the key.
  size_t ListEntries(size_t segment, EntryPlace* places, size_t count) const;

  // Throws Failure STATE_CORRUPT.
  TableEntry ReadEntry(const EntryPlace& place) const;
  Change ReadChange(const TableEntry& entry, std::string* buffer) const;

  // The slots of a segment that is to be listed soon.
  void PrefetchSlots(size_t segment) const {
    for (size_t offset = 0; offset < 512; offset += 64) __builtin_prefetch(bases_[segment] + offset);
  }
  void Prefetch(const EntryPlace& place) const { __builtin_prefetch(bases_[place.segment] + place.offset); }

 private:
  TableEntry ReadBlock(size_t segment, uint32_t offset, TableEntry entry) const;
  Change ReadList(const TableEntry& entry, std::string* buffer) const;

  const TableLayer& layer_;
  std::vector<const char*> bases_;  // of the segments
};

}  // namespace tidemark

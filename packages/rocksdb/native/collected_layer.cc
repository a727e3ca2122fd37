#include "collected_layer.h"

#include <cstring>
#include <memory>

#include "errors.h"

namespace tidemark {
namespace {

// As docs/formats/write-back-table.md draws them: a segment begins with the number of its slots, here none.
constexpr uint32_t kFirstEntry = 4;
constexpr uint32_t kEntryHeader = 12;
constexpr uint32_t kBlockHeader = 8;
constexpr uint16_t kBlockNumberBytes = 8;
constexpr uint8_t kLarge = 0x80;
// As the table's own: 64 segments are a large page. What a small layer has would leave much of one unused.
constexpr uint32_t kChunkShift = 6;
constexpr uint32_t kSmallChunkShift = 5;
constexpr size_t kSmallLayerSegments = 256;

void WriteUint16(char* data, size_t value) {
  const auto number = static_cast<uint16_t>(value);
  std::memcpy(data, &number, sizeof number);
}

void WriteUint32(char* data, size_t value) {
  const auto number = static_cast<uint32_t>(value);
  std::memcpy(data, &number, sizeof number);
}

// Segments that are filled one behind the other.
class Copies {
 public:
  explicit Copies(const TableLayer& original) {
    layer_.memory = std::make_shared<TableMemory>();
    layer_.segmentBytes = original.segmentBytes;
    layer_.chunkShift = original.segments.size() < kSmallLayerSegments ? kSmallChunkShift : kChunkShift;
    layer_.layer = original.layer;
  }

  EntryPlace Add(const TableEntry& entry, uint64_t prefix) {
    const bool isLarge = entry.block != nullptr;
    const size_t keyBytes = isLarge ? 0 : entry.key.size();
    const size_t valueBytes = isLarge ? kBlockNumberBytes : entry.value.size();
    const auto kind = static_cast<uint8_t>(static_cast<uint8_t>(entry.kind) | (isLarge ? kLarge : 0));
    char* data = Take(kEntryHeader + keyBytes + valueBytes);
    const EntryPlace place{prefix, static_cast<uint32_t>(layer_.segments.size() - 1), static_cast<uint16_t>(data - base_)};
    WriteUint16(data, keyBytes);
    WriteUint16(data + 2, valueBytes);
    WriteUint16(data + 4, valueBytes);
    data[6] = static_cast<char>(kind);
    WriteUint32(data + 8, entry.layer);
    if (isLarge) {
      WriteUint32(data + kEntryHeader, AddBlock(entry));
    } else {
      std::memcpy(data + kEntryHeader, entry.key.data(), keyBytes);
      std::memcpy(data + kEntryHeader + keyBytes, entry.value.data(), valueBytes);
    }
    return place;
  }

  TableLayer Layer() {
    layer_.chunks = layer_.memory->Chunks();
    return std::move(layer_);
  }

 private:
  char* Take(size_t sizeBytes) {
    if (base_ == nullptr || layer_.segmentBytes - top_ < sizeBytes) AddSegment();
    char* data = base_ + top_;
    top_ += static_cast<uint32_t>(sizeBytes);
    return data;
  }

  void AddSegment() {
    const auto segment = static_cast<uint32_t>(layer_.segments.size());
    const uint32_t inChunk = segment & ((1u << layer_.chunkShift) - 1);
    if (inChunk == 0) chunk_ = layer_.memory->AddChunk(size_t{layer_.segmentBytes} << layer_.chunkShift)->memory->data();
    base_ = chunk_ + size_t{inChunk} * layer_.segmentBytes;
    top_ = kFirstEntry;
    layer_.segments.push_back(segment);
  }

  uint32_t AddBlock(const TableEntry& entry) {
    uint32_t id = 0;
    char* data = layer_.memory->AllocateBlock(kBlockHeader + entry.key.size() + entry.value.size(), &id)->memory->data();
    WriteUint32(data, entry.key.size());
    WriteUint32(data + 4, entry.value.size());
    std::memcpy(data + kBlockHeader, entry.key.data(), entry.key.size());
    std::memcpy(data + kBlockHeader + entry.key.size(), entry.value.data(), entry.value.size());
    return id;
  }

  TableLayer layer_;
  char* chunk_ = nullptr;
  char* base_ = nullptr;
  uint32_t top_ = 0;
};

}  // namespace

CollectedLayer CollectLayer(const TableLayer& layer, const std::atomic<bool>& isAborted) {
  const TableView view(layer);
  Copies copies(layer);
  CollectedLayer collected;
  std::vector<EntryPlace> places;
  for (size_t segment = 0; segment < view.SegmentCount(); segment++) {
    if (isAborted) throw Failure{kDisposed, kJobAborted};
    if (segment + 1 < view.SegmentCount()) view.PrefetchSlots(segment + 1);
    places.resize(view.SlotCount(segment));
    const size_t count = view.ListEntries(segment, places.data(), 0);
    for (size_t index = 0; index < count; index++) {
      collected.places.push_back(copies.Add(view.ReadEntry(places[index]), places[index].prefix));
    }
  }
  collected.layer = copies.Layer();
  return collected;
}

}  // namespace tidemark

#include "table_view.h"

#include <cstring>

#include "errors.h"

namespace tidemark {

using rocksdb::Slice;

namespace {

constexpr uint32_t kEntryHeader = 12;
constexpr uint32_t kBlockHeader = 8;
constexpr uint32_t kPieceHeader = 8;
constexpr uint32_t kBasePiece = 0x80000000u;
constexpr uint8_t kLarge = 0x80;

uint32_t ReadUint32(const char* data) {
  uint32_t value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

uint16_t ReadUint16(const char* data) {
  uint16_t value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

[[noreturn]] void Damaged(const std::string& problem) {
  throw Failure{kStateCorrupt, "the table is damaged: " + problem + "; restore from the last checkpoint"};
}

[[noreturn]] void DamagedEntry(uint32_t segment, uint32_t offset, const char* problem) {
  Damaged("the entry at " + std::to_string(offset) + " of segment " + std::to_string(segment) + " " + problem);
}

}  // namespace

TableView::TableView(const TableLayer& layer) : layer_(layer) {
  bases_.reserve(layer.segments.size());
  const uint64_t mask = (uint64_t{1} << layer.chunkShift) - 1;
  for (const uint32_t segment : layer.segments) {
    const size_t chunk = segment >> layer.chunkShift;
    const uint64_t offset = (segment & mask) * layer.segmentBytes;
    if (chunk >= layer.chunks.size() || offset + layer.segmentBytes > layer.chunks[chunk]->size()) {
      Invalid("segment " + std::to_string(segment) + " is not inside the chunks of the table memory");
    }
    bases_.push_back(layer.chunks[chunk]->data() + offset);
  }
}

uint32_t TableView::SlotCount(size_t segment) const {
  const uint32_t slots = ReadUint32(bases_[segment]);
  if (slots > (layer_.segmentBytes - 4) / 4) {
    Damaged("segment " + std::to_string(layer_.segments[segment]) + " has more slots than bytes for them");
  }
  return slots;
}

size_t TableView::ListEntries(size_t segment, EntryPlace* places, size_t count) const {
  const char* base = bases_[segment];
  const uint32_t slots = SlotCount(segment);
  std::string buffer;
  // Most time goes by waiting for memory, so all of a segment's entries are asked for at once. A wrong offset does no harm here.
  for (uint32_t slot = 0; slot < slots; slot++) {
    const uint32_t content = ReadUint32(base + 4 + size_t{slot} * 4);
    if (content != 0) __builtin_prefetch(base + static_cast<uint16_t>(content));
  }
  for (uint32_t slot = 0; slot < slots; slot++) {
    const uint32_t content = ReadUint32(base + 4 + size_t{slot} * 4);
    if (content == 0) continue;
    const auto offset = static_cast<uint16_t>(content);
    if (offset < 4 + slots * 4) DamagedEntry(layer_.segments[segment], offset, "lies in the slots");
    const EntryPlace place{0, static_cast<uint32_t>(segment), offset};
    const TableEntry entry = ReadEntry(place);
    // The layer of a list is that of its pieces.
    if (entry.kind != EntryKind::kList && entry.layer != layer_.layer) continue;
    if (entry.kind == EntryKind::kList && ReadChange(entry, &buffer).kind == Change::Kind::kNone) continue;
    const size_t length = entry.key.size();
    const uint32_t first = length > 0 ? static_cast<uint8_t>(entry.key[0]) : 0;
    const uint32_t second = length > 1 ? static_cast<uint8_t>(entry.key[1]) : 0;
    places[count] = place;
    places[count].prefix = first << 8 | second;
    count++;
  }
  return count;
}

TableEntry TableView::ReadEntry(const EntryPlace& place) const {
  const uint32_t number = layer_.segments[place.segment];
  const uint32_t offset = place.offset;
  const uint32_t segmentBytes = layer_.segmentBytes;
  if (offset > segmentBytes || segmentBytes - offset < kEntryHeader) DamagedEntry(number, offset, "is cut off by the end of the segment");
  // Field by field: the byte "referenced" may be written by JavaScript at this moment.
  const char* data = bases_[place.segment] + offset;
  const uint32_t keyLength = ReadUint16(data);
  const uint32_t valueLength = ReadUint16(data + 2);
  const uint32_t capacity = ReadUint16(data + 4);
  const auto kind = static_cast<uint8_t>(data[6]);
  TableEntry entry;
  entry.layer = ReadUint32(data + 8);
  if (keyLength + capacity > segmentBytes - offset - kEntryHeader) DamagedEntry(number, offset, "is longer than the segment");
  if (valueLength > capacity) DamagedEntry(number, offset, "has a value longer than its capacity");
  const uint8_t plain = kind & static_cast<uint8_t>(~kLarge);
  if (plain < 1 || plain > 3) DamagedEntry(number, offset, "has an unknown kind");
  entry.kind = static_cast<EntryKind>(plain);
  entry.key = Slice(data + kEntryHeader, keyLength);
  entry.value = Slice(data + kEntryHeader + keyLength, valueLength);
  if ((kind & kLarge) != 0) entry = ReadBlock(place.segment, offset, std::move(entry));
  if (entry.kind == EntryKind::kTombstone && entry.value.size() != 0) DamagedEntry(number, offset, "is a tombstone with a value");
  return entry;
}

TableEntry TableView::ReadBlock(size_t segment, uint32_t offset, TableEntry entry) const {
  const uint32_t number = layer_.segments[segment];
  if (entry.key.size() != 0 || entry.value.size() != 8) DamagedEntry(number, offset, "does not name a block as it should");
  entry.block = layer_.memory->Block(ReadUint32(entry.value.data()));
  if (entry.block == nullptr) DamagedEntry(number, offset, "names a block that does not exist");
  const size_t size = entry.block->size();
  if (size < kBlockHeader) DamagedEntry(number, offset, "names a block that is too small");
  const char* data = entry.block->data();
  const uint32_t keyLength = ReadUint32(data);
  const uint32_t valueLength = ReadUint32(data + 4);
  if (uint64_t{keyLength} + valueLength > size - kBlockHeader) DamagedEntry(number, offset, "is longer than its block");
  entry.key = Slice(data + kBlockHeader, keyLength);
  entry.value = Slice(data + kBlockHeader + keyLength, valueLength);
  return entry;
}

Change TableView::ReadChange(const TableEntry& entry, std::string* buffer) const {
  if (entry.kind == EntryKind::kList) return ReadList(entry, buffer);
  if (entry.layer != layer_.layer) return {};
  if (entry.kind == EntryKind::kTombstone) return {Change::Kind::kDelete, Slice()};
  return {Change::Kind::kPut, entry.value};
}

// The pieces of the layer in one; a base among them makes it a value, without one it is an operand.
Change TableView::ReadList(const TableEntry& entry, std::string* buffer) const {
  Change change;
  size_t pieces = 0;
  buffer->clear();
  for (size_t position = 0; position < entry.value.size();) {
    const size_t left = entry.value.size() - position;
    if (left < kPieceHeader) Damaged("a list ends in the middle of a piece");
    const char* data = entry.value.data() + position;
    const uint32_t layer = ReadUint32(data);
    const uint32_t word = ReadUint32(data + 4);
    const uint32_t length = word & ~kBasePiece;
    const bool isBase = (word & kBasePiece) != 0;
    if (length > left - kPieceHeader) Damaged("a piece of a list is longer than the list");
    if (isBase && position != 0) Damaged("a list has a base that is not its first piece");
    position += kPieceHeader + length;
    if (isBase && layer == layer_.layer) change.kind = Change::Kind::kPut;
    if (layer != layer_.layer && change.kind != Change::Kind::kPut) continue;
    if (change.kind == Change::Kind::kNone) change.kind = Change::Kind::kMerge;
    const Slice bytes(data + kPieceHeader, length);
    pieces++;
    // Most lists of a layer have one piece, which needs no copy.
    if (pieces == 1) {
      change.value = bytes;
      continue;
    }
    if (pieces == 2) buffer->assign(change.value.data(), change.value.size());
    buffer->append(bytes.data(), bytes.size());
  }
  if (pieces > 1) change.value = *buffer;
  return change;
}

}  // namespace tidemark

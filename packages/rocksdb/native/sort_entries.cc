#include "sort_entries.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "errors.h"

namespace tidemark {

using rocksdb::Slice;

namespace {

constexpr size_t kGroups = 65536;
constexpr size_t kPrefetch = 8;

uint64_t PrefixOf(const Slice& key, size_t from) {
  uint64_t prefix = 0;
  const size_t length = from < key.size() ? key.size() - from : 0;
  if (length >= sizeof prefix) {
    std::memcpy(&prefix, key.data() + from, sizeof prefix);
    return __builtin_bswap64(prefix);
  }
  for (size_t index = 0; index < length; index++) {
    prefix |= uint64_t{static_cast<uint8_t>(key[from + index])} << (56 - 8 * index);
  }
  return prefix;
}

size_t CommonLength(const Slice& left, const Slice& right, size_t limit) {
  limit = std::min({limit, left.size(), right.size()});
  size_t length = 0;
  while (length < limit && left[length] == right[length]) length++;
  return length;
}

// Moves every entry into the part of its group, in place; returns the ends of the parts.
std::vector<size_t> PartitionByGroup(EntryPlace* places, size_t count) {
  std::vector<size_t> ends(kGroups, 0);
  for (size_t index = 0; index < count; index++) ends[places[index].prefix]++;
  std::vector<size_t> next(kGroups);
  size_t total = 0;
  for (size_t group = 0; group < kGroups; group++) {
    next[group] = total;
    total += ends[group];
    ends[group] = total;
  }
  for (size_t group = 0; group < kGroups; group++) {
    while (next[group] < ends[group]) {
      EntryPlace& place = places[next[group]];
      if (place.prefix == group) {
        next[group]++;
      } else {
        std::swap(place, places[next[place.prefix]++]);
      }
    }
  }
  return ends;
}

void SortGroup(const TableView& view, EntryPlace* begin, EntryPlace* end) {
  const auto count = static_cast<size_t>(end - begin);
  if (count < 2) return;
  const TableEntry first = view.ReadEntry(*begin);
  size_t common = first.key.size();
  for (size_t index = 1; index < count; index++) {
    if (index + kPrefetch < count) view.Prefetch(begin[index + kPrefetch]);
    common = CommonLength(first.key, view.ReadEntry(begin[index]).key, common);
  }
  for (size_t index = 0; index < count; index++) {
    if (index + kPrefetch < count) view.Prefetch(begin[index + kPrefetch]);
    begin[index].prefix = PrefixOf(view.ReadEntry(begin[index]).key, common);
  }
  std::sort(begin, end, [&view](const EntryPlace& left, const EntryPlace& right) {
    if (left.prefix != right.prefix) return left.prefix < right.prefix;
    return view.ReadEntry(left).key.compare(view.ReadEntry(right).key) < 0;
  });
  for (size_t index = 1; index < count; index++) {
    if (begin[index - 1].prefix != begin[index].prefix) continue;
    if (view.ReadEntry(begin[index - 1]).key != view.ReadEntry(begin[index]).key) continue;
    throw Failure{kStateCorrupt, "the table is damaged: a key is in it twice; restore from the last checkpoint"};
  }
}

}  // namespace

void SortEntries(const TableView& view, EntryPlace* places, size_t count, const std::atomic<bool>& isAborted) {
  const std::vector<size_t> ends = PartitionByGroup(places, count);
  size_t begin = 0;
  for (const size_t end : ends) {
    if (isAborted) throw Failure{kDisposed, kJobAborted};
    SortGroup(view, places + begin, places + end);
    begin = end;
  }
}

}  // namespace tidemark

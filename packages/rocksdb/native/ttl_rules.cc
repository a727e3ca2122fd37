#include "ttl_rules.h"

namespace tidemark {
namespace {

using rocksdb::Slice;

constexpr size_t kStateIdAt = 2;
constexpr size_t kKeyPrefixSize = 4;
constexpr size_t kTimeAt = 1;
constexpr size_t kStampSize = 9;
constexpr int64_t kSafeIntegerMax = 9007199254740991;

// Times outside of JavaScript's safe integers were never written, and the differences of the others do not overflow.
bool ReadTime(const char* stamped, int64_t* timeMs) {
  uint64_t bits = 0;
  for (size_t index = 0; index < 8; index++) bits |= uint64_t{static_cast<uint8_t>(stamped[kTimeAt + index])} << (8 * index);
  *timeMs = static_cast<int64_t>(bits);
  return *timeMs >= -kSafeIntegerMax && *timeMs <= kSafeIntegerMax;
}

// The sum stays below 2^54; `nowMs - timeMs` would overflow before the clock was set.
bool IsExpired(int64_t timeMs, const TtlState& state, int64_t nowMs) { return nowMs >= timeMs + state.ttlMs; }

// LEB128 of 32 bits in its shortest form, as the reader of lists wants it. Moves *position behind it.
bool ReadLength(const Slice& bytes, size_t* position, uint32_t* length) {
  uint32_t value = 0;
  for (int shift = 0; shift < 35 && *position < bytes.size(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[(*position)++]);
    if (byte <= 0x7f) {
      if ((byte == 0 && shift > 0) || (shift == 28 && byte > 0x0f)) return false;
      *length = value | uint32_t{byte} << shift;
      return true;
    }
    value |= uint32_t{byte & 0x7fu} << shift;
  }
  return false;
}

}  // namespace

void TtlClock::Advance(int64_t toMs) {
  int64_t known = nowMs.load();
  while (known < toMs && !nowMs.compare_exchange_weak(known, toMs)) {
  }
}

bool IsForeign(const KeyGroups& kept, const Slice& key, std::string* skipUntil) {
  if (key.size() < kStateIdAt) return false;
  const auto keyGroup = static_cast<uint16_t>(static_cast<uint8_t>(key[0]) << 8 | static_cast<uint8_t>(key[1]));
  // Key groups take 15 bits; what is above is no key of ours.
  if (keyGroup > INT16_MAX || (keyGroup >= kept.first && keyGroup <= kept.last)) return false;
  const uint16_t next = keyGroup < kept.first ? kept.first : uint16_t{INT16_MAX} + 1;
  skipUntil->assign({static_cast<char>(next >> 8), static_cast<char>(next & 0xff)});
  return true;
}

const TtlState* FindTtlState(const TtlTable& table, const Slice& key) {
  if (key.size() < kKeyPrefixSize) return nullptr;
  const size_t id = size_t{static_cast<uint8_t>(key[kStateIdAt])} << 8 | static_cast<uint8_t>(key[kStateIdAt + 1]);
  return id < table.size() && table[id].ttlMs > 0 ? &table[id] : nullptr;
}

TtlVerdict JudgeValue(const Slice& value, const TtlState& state, int64_t nowMs) {
  int64_t timeMs;
  if (value.size() < kStampSize || !ReadTime(value.data(), &timeMs)) return TtlVerdict::kMalformed;
  return IsExpired(timeMs, state, nowMs) ? TtlVerdict::kRemove : TtlVerdict::kKeep;
}

TtlVerdict JudgeList(const Slice& list, const TtlState& state, int64_t nowMs, std::string* alive, uint64_t* removed) {
  const size_t before = alive->size();
  *removed = 0;
  size_t runStart = 0;  // of elements that stay and are not copied yet
  size_t position = 0;
  while (position < list.size()) {
    const size_t start = position;
    uint32_t length = 0;
    const bool isWhole = ReadLength(list, &position, &length) && length <= list.size() - position;
    const TtlVerdict verdict = isWhole ? JudgeValue(Slice(list.data() + position, length), state, nowMs) : TtlVerdict::kMalformed;
    if (verdict == TtlVerdict::kMalformed) {
      alive->resize(before);
      *removed = 0;
      return TtlVerdict::kMalformed;
    }
    position += length;
    if (verdict == TtlVerdict::kKeep) continue;
    alive->append(list.data() + runStart, start - runStart);
    runStart = position;
    ++*removed;
  }
  if (*removed == 0 && !list.empty()) return TtlVerdict::kKeep;
  alive->append(list.data() + runStart, list.size() - runStart);
  return alive->size() > before ? TtlVerdict::kChange : TtlVerdict::kRemove;
}

}  // namespace tidemark

// Which states expire, what time it is, and what that means for stored bytes; and which key groups compactions keep. The forms, drawn in
// docs/formats/state-entries.md, begin with these bytes:
//   key           key group (2) | state id (2, big endian) | ...
//   value         schema version (1) | time of last access (8, little endian, milliseconds) | payload
//   list          elements one after the other, each: length (varint) | a value of that length
// Reads ask the same clock later than this one was set, so what is expired here is expired for every read.
#pragma once

#include <rocksdb/slice.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace tidemark {

enum class TtlKind : uint8_t { kValue, kList };

// ttlMs 0: the state does not expire.
struct TtlState {
  int64_t ttlMs = 0;
  TtlKind kind = TtlKind::kValue;
};

// By state id.
using TtlTable = std::vector<TtlState>;

// Shared by all column families of a database, and by the threads that compact them.
struct TtlClock {
  // Nothing is expired before the first time is set.
  std::atomic<int64_t> nowMs = std::numeric_limits<int64_t>::min();
  std::atomic<uint64_t> removed = 0;
  std::atomic<uint64_t> malformed = 0;

  // An earlier time than the one known changes nothing.
  void Advance(int64_t toMs);
};

// What is to be done with a value, list or merge operand.
enum class TtlVerdict { kKeep, kChange, kRemove, kMalformed };

// From the first to the last, both kept.
struct KeyGroups {
  uint16_t first = 0;
  uint16_t last = UINT16_MAX;
};

// The TTL of the states of one column family, and its key groups. Each is replaced as a whole, while other threads read it.
class TtlRules {
 public:
  explicit TtlRules(std::shared_ptr<TtlClock> clock) : clock_(std::move(clock)) {}

  void Replace(std::shared_ptr<const TtlTable> table) { table_.store(std::move(table)); }
  // Null when no state expires.
  std::shared_ptr<const TtlTable> Table() const { return table_.load(); }
  TtlClock& Clock() const { return *clock_; }

  void Keep(KeyGroups kept) { keyGroups_.store(kept); }
  KeyGroups Kept() const { return keyGroups_.load(); }

 private:
  std::shared_ptr<TtlClock> clock_;
  std::atomic<std::shared_ptr<const TtlTable>> table_;
  std::atomic<KeyGroups> keyGroups_ = KeyGroups{};
};

// Whether a key is in another key group. *skipUntil is then what no kept key that follows lies below.
bool IsForeign(const KeyGroups& kept, const rocksdb::Slice& key, std::string* skipUntil);

// Null when the state of the key does not expire, or the key is too short to name one.
const TtlState* FindTtlState(const TtlTable& table, const rocksdb::Slice& key);

// kKeep, kRemove or kMalformed.
TtlVerdict JudgeValue(const rocksdb::Slice& value, const TtlState& state, int64_t nowMs);

// Appends the elements that are not expired to *alive if some are: kChange. kRemove: none is left, kKeep: all are, kMalformed:
// the bytes are not a list and none of them may go; *alive is then as before. *removed is the number of expired elements.
TtlVerdict JudgeList(const rocksdb::Slice& list, const TtlState& state, int64_t nowMs, std::string* alive, uint64_t* removed);

}  // namespace tidemark

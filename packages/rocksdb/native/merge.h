// The two merge operators a column family can have.
#pragma once

#include <rocksdb/merge_operator.h>

#include <cstdint>
#include <memory>

namespace tidemark {

enum class MergeKind : uint8_t { kNone, kListAppend, kInt64Add };

// kListAppend: value and operands are byte strings, the result is their concatenation in the order of writing.
// kInt64Add: value and operands are 8 bytes, little endian, two's complement; the sum wraps around.
// Null for kNone.
std::shared_ptr<rocksdb::MergeOperator> MakeMergeOperator(MergeKind kind);

inline constexpr size_t kInt64Size = 8;

}  // namespace tidemark

// The two merge operators a column family can have.
#pragma once

#include <rocksdb/merge_operator.h>

#include <cstdint>
#include <memory>

#include "ttl_rules.h"

namespace tidemark {

enum class MergeKind : uint8_t { kNone, kListAppend, kInt64Add };

// kListAppend: value and operands are byte strings, the result is their concatenation in the order of writing, without the
// expired elements of keys whose state expires; that also makes lists shrink that are appended to all the time.
// kInt64Add: value and operands are 8 bytes, little endian, two's complement; the sum wraps around.
// Null for kNone.
std::shared_ptr<rocksdb::MergeOperator> MakeMergeOperator(MergeKind kind, std::shared_ptr<const TtlRules> ttl);

inline constexpr size_t kInt64Size = 8;

}  // namespace tidemark

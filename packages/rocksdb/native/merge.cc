#include "merge.h"

#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace tidemark {
namespace {

using rocksdb::Logger;
using rocksdb::Slice;

// Both operators take all operands of a key at once; RocksDB's AssociativeMergeOperator would copy the growing list once
// an operand.
class ListAppend final : public rocksdb::MergeOperator {
 public:
  explicit ListAppend(std::shared_ptr<const TtlRules> ttl) : ttl_(std::move(ttl)) {}

  bool FullMergeV2(const MergeOperationInput& input, MergeOperationOutput* output) const override {
    size_t total = input.existing_value == nullptr ? 0 : input.existing_value->size();
    for (const Slice& operand : input.operand_list) total += operand.size();
    std::string& value = output->new_value;
    value.clear();
    value.reserve(total);
    const std::shared_ptr<const TtlTable> table = ttl_->Table();
    const TtlState* state = table == nullptr ? nullptr : FindTtlState(*table, input.key);
    const int64_t nowMs = ttl_->Clock().nowMs.load();
    if (input.existing_value != nullptr) AppendAlive(*input.existing_value, state, nowMs, &value);
    for (const Slice& operand : input.operand_list) AppendAlive(operand, state, nowMs, &value);
    return true;
  }

  bool PartialMergeMulti(const Slice&, const std::deque<Slice>& operands, std::string* value, Logger*) const override {
    size_t total = 0;
    for (const Slice& operand : operands) total += operand.size();
    value->clear();
    value->reserve(total);
    for (const Slice& operand : operands) value->append(operand.data(), operand.size());
    return true;
  }

  const char* Name() const override { return "tidemark.list-append"; }

 private:
  // Null state: nothing expires. Malformed bytes are kept for the reader to refuse.
  static void AppendAlive(const Slice& list, const TtlState* state, int64_t nowMs, std::string* value) {
    uint64_t removed = 0;
    const TtlVerdict verdict =
        state == nullptr || state->kind != TtlKind::kList ? TtlVerdict::kKeep : JudgeList(list, *state, nowMs, value, &removed);
    if (verdict == TtlVerdict::kKeep || verdict == TtlVerdict::kMalformed) value->append(list.data(), list.size());
  }

  const std::shared_ptr<const TtlRules> ttl_;
};

bool AddTo(uint64_t* sum, const Slice& bytes) {
  if (bytes.size() != kInt64Size) return false;
  uint64_t term = 0;
  for (size_t index = 0; index < kInt64Size; index++) term |= uint64_t{static_cast<uint8_t>(bytes[index])} << (8 * index);
  *sum += term;
  return true;
}

void Store(uint64_t sum, std::string* value) {
  value->resize(kInt64Size);
  for (size_t index = 0; index < kInt64Size; index++) (*value)[index] = static_cast<char>(sum >> (8 * index));
}

class Int64Add final : public rocksdb::MergeOperator {
 public:
  bool FullMergeV2(const MergeOperationInput& input, MergeOperationOutput* output) const override {
    uint64_t sum = 0;
    bool isValid = input.existing_value == nullptr || AddTo(&sum, *input.existing_value);
    for (const Slice& operand : input.operand_list) isValid = isValid && AddTo(&sum, operand);
    // One damaged value must fail the reads of its key, not stop every flush and compaction of the database.
    output->op_failure_scope = OpFailureScope::kMustMerge;
    if (isValid) Store(sum, &output->new_value);
    return isValid;
  }

  bool PartialMergeMulti(const Slice&, const std::deque<Slice>& operands, std::string* value, Logger*) const override {
    uint64_t sum = 0;
    for (const Slice& operand : operands) {
      if (!AddTo(&sum, operand)) return false;
    }
    Store(sum, value);
    return true;
  }

  const char* Name() const override { return "tidemark.int64-add"; }
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> MakeMergeOperator(MergeKind kind, std::shared_ptr<const TtlRules> ttl) {
  if (kind == MergeKind::kListAppend) return std::make_shared<ListAppend>(std::move(ttl));
  if (kind == MergeKind::kInt64Add) return std::make_shared<Int64Add>();
  return nullptr;
}

}  // namespace tidemark

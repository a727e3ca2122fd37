#include "ttl_filter.h"

#include <exception>
#include <utility>

namespace tidemark {
namespace {

using rocksdb::CompactionFilter;
using rocksdb::Slice;

class TtlFilter final : public CompactionFilter {
 public:
  TtlFilter(std::shared_ptr<const TtlRules> rules, std::shared_ptr<const TtlTable> table)
      : rules_(std::move(rules)), table_(std::move(table)), kept_(rules_->Kept()), nowMs_(rules_->Clock().nowMs.load()) {}

  // One filter serves one thread, so the counts are added up without contention.
  ~TtlFilter() override {
    rules_->Clock().removed += removed_;
    rules_->Clock().malformed += malformed_;
  }

  Decision FilterV2(int, const Slice& key, ValueType type, const Slice& bytes, std::string* changed,
                    std::string* skipUntil) const override {
    if (type != ValueType::kValue && type != ValueType::kMergeOperand) return Decision::kKeep;
    if (IsForeign(kept_, key, skipUntil)) return Decision::kRemoveAndSkipUntil;
    if (table_ == nullptr) return Decision::kKeep;
    const TtlState* state = FindTtlState(*table_, key);
    if (state == nullptr) return Decision::kKeep;
    try {
      return Decide(Judge(*state, type, bytes, changed));
    } catch (const std::exception&) {
      // Out of memory. RocksDB cannot take an exception, and whatever is kept is judged again next time.
      return Decision::kKeep;
    }
  }

  const char* Name() const override { return "tidemark.ttl"; }

 private:
  TtlVerdict Judge(const TtlState& state, ValueType type, const Slice& bytes, std::string* changed) const {
    if (state.kind == TtlKind::kList) {
      uint64_t expired = 0;
      changed->clear();
      const TtlVerdict verdict = JudgeList(bytes, state, nowMs_, changed, &expired);
      removed_ += expired;
      return verdict;
    }
    // Nothing merges into a value.
    if (type == ValueType::kMergeOperand) return TtlVerdict::kMalformed;
    const TtlVerdict verdict = JudgeValue(bytes, state, nowMs_);
    if (verdict == TtlVerdict::kRemove) removed_++;
    return verdict;
  }

  Decision Decide(TtlVerdict verdict) const {
    switch (verdict) {
      case TtlVerdict::kRemove:
        return Decision::kRemove;
      case TtlVerdict::kChange:
        return Decision::kChangeValue;
      case TtlVerdict::kMalformed:
        malformed_++;
        return Decision::kKeep;
      default:
        return Decision::kKeep;
    }
  }

  const std::shared_ptr<const TtlRules> rules_;
  const std::shared_ptr<const TtlTable> table_;
  const KeyGroups kept_;
  const int64_t nowMs_;
  mutable uint64_t removed_ = 0;
  mutable uint64_t malformed_ = 0;
};

class TtlFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  explicit TtlFilterFactory(std::shared_ptr<const TtlRules> rules) : rules_(std::move(rules)) {}

  std::unique_ptr<CompactionFilter> CreateCompactionFilter(const CompactionFilter::Context&) override {
    std::shared_ptr<const TtlTable> table = rules_->Table();
    const KeyGroups kept = rules_->Kept();
    if (table == nullptr && kept.first == 0 && kept.last == UINT16_MAX) return nullptr;
    return std::make_unique<TtlFilter>(rules_, std::move(table));
  }

  const char* Name() const override { return "tidemark.ttl"; }

 private:
  const std::shared_ptr<const TtlRules> rules_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeTtlFilterFactory(std::shared_ptr<const TtlRules> rules) {
  return std::make_shared<TtlFilterFactory>(std::move(rules));
}

}  // namespace tidemark

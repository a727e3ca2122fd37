#include "level_filter.h"

#include <string>
#include <utility>

namespace tidemark {
namespace {

using rocksdb::FilterBitsBuilder;
using rocksdb::FilterBitsReader;
using rocksdb::FilterBuildingContext;
using rocksdb::FilterPolicy;
using rocksdb::Slice;

class LevelFilter final : public FilterPolicy {
 public:
  LevelFilter(double bitsPerKey, double lastLevelBitsPerKey)
      : other_(rocksdb::NewBloomFilterPolicy(bitsPerKey)), last_(rocksdb::NewBloomFilterPolicy(lastLevelBitsPerKey)) {}

  // Named and stored like RocksDB's own, which reads these filters too.
  const char* Name() const override { return other_->Name(); }
  const char* CompatibilityName() const override { return other_->CompatibilityName(); }
  std::string GetId() const override { return other_->GetId(); }

  FilterBitsBuilder* GetBuilderWithContext(const FilterBuildingContext& context) const override {
    return (context.is_bottommost ? last_ : other_)->GetBuilderWithContext(context);
  }
  FilterBitsReader* GetFilterBitsReader(const Slice& contents) const override { return other_->GetFilterBitsReader(contents); }

 private:
  std::unique_ptr<const FilterPolicy> other_;
  std::unique_ptr<const FilterPolicy> last_;
};

}  // namespace

std::shared_ptr<const FilterPolicy> MakeLevelFilter(double bitsPerKey, double lastLevelBitsPerKey) {
  return std::make_shared<LevelFilter>(bitsPerKey, lastLevelBitsPerKey);
}

}  // namespace tidemark

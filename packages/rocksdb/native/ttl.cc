// Saying which states expire, what time it is and which key groups are kept, and what was removed.
#include <string>

#include "functions.h"
#include "instance.h"

namespace tidemark {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;

TtlKind ReadTtlKind(napi_env env, napi_value value) {
  const std::string word = ReadText(env, value, "the kind of a state", 64, true);
  if (word == "value") return TtlKind::kValue;
  if (word == "list") return TtlKind::kList;
  Invalid("the kind of a state must be \"value\" or \"list\"");
}

}  // namespace

napi_value SetTtl(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  napi_value list = call.Argument(2, "states");
  const uint32_t count = ReadArrayLength(call.env, list, "states", UINT16_MAX + 1);
  auto table = std::make_shared<TtlTable>();
  for (uint32_t index = 0; index < count; index++) {
    napi_value entry = ReadElement(call.env, list, index);
    const double id = ReadNumber(call.env, ReadProperty(call.env, entry, "stateId"), "stateId", 0, UINT16_MAX);
    const double ttlMs = ReadNumber(call.env, ReadProperty(call.env, entry, "ttlMs"), "ttlMs", 1, kMaxSafe);
    const TtlKind kind = ReadTtlKind(call.env, ReadProperty(call.env, entry, "kind"));
    const auto position = static_cast<size_t>(id);
    if (position >= table->size()) table->resize(position + 1);
    if ((*table)[position].ttlMs != 0) Invalid("state " + std::to_string(position) + " is listed twice");
    (*table)[position] = TtlState{static_cast<int64_t>(ttlMs), kind};
  }
  family.ttl->Replace(table->empty() ? nullptr : std::move(table));
  return nullptr;
}

napi_value KeepKeyGroups(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  const auto first = static_cast<uint16_t>(ReadNumber(call.env, call.Argument(2, "first"), "first", 0, INT16_MAX));
  const auto last = static_cast<uint16_t>(ReadNumber(call.env, call.Argument(3, "last"), "last", 0, INT16_MAX));
  if (last < first) Invalid("the last key group is below the first");
  family.ttl->Keep(KeyGroups{first, last});
  return nullptr;
}

napi_value SetTtlClock(Call& call) {
  Database& database = *FindDatabase(call, 0);
  const double nowMs = ReadNumber(call.env, call.Argument(1, "nowMs"), "nowMs", -kMaxSafe, kMaxSafe);
  database.ttlClock->Advance(static_cast<int64_t>(nowMs));
  return nullptr;
}

napi_value TtlStatistics(Call& call) {
  const TtlClock& clock = *FindDatabase(call, 0)->ttlClock;
  napi_value result = MakeObject(call.env);
  SetProperty(call.env, result, "removed", MakeSafeNumber(call.env, clock.removed, "the number of removed entries"));
  SetProperty(call.env, result, "malformed", MakeSafeNumber(call.env, clock.malformed, "the number of malformed entries"));
  return result;
}

}  // namespace tidemark

// Merging table files, as JavaScript asks for it.
#include <memory>
#include <string>

#include "functions.h"
#include "instance.h"
#include "table_job_calls.h"
#include "table_merger.h"

namespace tidemark {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;
constexpr size_t kMaxKeyHex = 64u << 20;
constexpr uint32_t kMaxInputs = 1000000;

std::string ReadHexProperty(napi_env env, napi_value object, const char* name) {
  const std::string text = ReadText(env, ReadProperty(env, object, name), name, kMaxKeyHex, true);
  std::string bytes;
  if (!text.empty() && !rocksdb::Slice(text).DecodeHex(&bytes)) Invalid(std::string(name) + " must be a hexadecimal string");
  return bytes;
}

MergeInput ReadInput(napi_env env, napi_value object) {
  MergeInput input;
  input.path = ReadText(env, ReadProperty(env, object, "path"), "the path of an input", 4096, false);
  input.sizeBytes = static_cast<uint64_t>(ReadNumber(env, ReadProperty(env, object, "sizeBytes"), "sizeBytes", 0, kMaxSafe));
  input.sequence = static_cast<uint64_t>(ReadNumber(env, ReadProperty(env, object, "sequence"), "sequence", 0, kMaxSafe));
  input.uniqueId = ReadHexProperty(env, object, "uniqueId");
  input.smallestKey = ReadHexProperty(env, object, "smallestKey");
  return input;
}

std::shared_ptr<MergeJob> ReadMergeJob(Call& call, Database& database) {
  auto job = std::make_shared<MergeJob>();
  const ColumnFamily& family = *database.Family(call.Uint32(1, "column family"));
  napi_value list = call.Argument(2, "inputs");
  const uint32_t count = ReadArrayLength(call.env, list, "inputs", kMaxInputs);
  if (count == 0) Invalid("inputs must have an element");
  for (uint32_t index = 0; index < count; index++) job->inputs.push_back(ReadInput(call.env, ReadElement(call.env, list, index)));
  ReadTarget(call, 3, job.get());
  job->options = database.db->GetOptions(family.handle);
  return job;
}

}  // namespace

napi_value MergeTables(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<MergeJob> job = ReadMergeJob(call, *database);
  return StartTableJob(call, database, job, [&] { database->merger.Submit(job); });
}

napi_value CancelMerges(Call& call) {
  FindDatabase(call, 0)->merger.Cancel();
  return nullptr;
}

}  // namespace tidemark

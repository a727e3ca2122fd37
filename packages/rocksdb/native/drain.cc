// Drains, as JavaScript asks for them and waits for them.
#include <chrono>
#include <memory>
#include <optional>

#include "drain_job.h"
#include "functions.h"
#include "instance.h"
#include "table_job_calls.h"

namespace tidemark {
namespace {

constexpr uint32_t kMaxSegmentBytes = 65536;  // offsets in a segment have 16 bits
constexpr uint32_t kMaxChunkShift = 31;
constexpr uint32_t kNoBlock = UINT32_MAX;

std::shared_ptr<DrainJob> ReadJob(Call& call, Database& database) {
  auto job = std::make_shared<DrainJob>();
  job->database = &database;
  job->family = database.Family(call.Uint32(1, "column family"));
  const std::shared_ptr<TableMemory> memory = FindTableMemory(call, 2);
  size_t length = 0;
  const uint32_t* segments = call.Uint32s(3, "segments", &length);
  const uint32_t count = call.Uint32(4, "segmentCount");
  if (count > length) Invalid("segmentCount is larger than segments");
  TableLayer& layer = job->layer;
  layer.segments.assign(segments, segments + count);
  layer.segmentBytes = static_cast<uint32_t>(ReadNumber(call.env, call.Argument(5, "segmentBytes"), "segmentBytes", 16, kMaxSegmentBytes));
  layer.chunkShift = call.Uint32(6, "chunkShift", kMaxChunkShift);
  layer.layer = call.Uint32(7, "layer");
  ReadTarget(call, 8, job.get());
  const uint32_t progress = call.Uint32(11, "progressBlock");
  if (progress != kNoBlock) {
    job->progress = memory->Block(progress);
    if (job->progress == nullptr || job->progress->size() < sizeof(uint32_t)) Invalid("progressBlock is not a block of four bytes or more");
  }
  layer.chunks = memory->Chunks();
  job->memoryDrain = memory->BeginDrain();
  layer.memory = memory;
  return job;
}

}  // namespace

napi_value Drain(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<DrainJob> job = ReadJob(call, *database);
  return StartTableJob(call, database, job, [&] { database->drains.Submit(job); });
}

napi_value WaitForCollected(Call& call) { return MakeBoolean(call.env, FindDatabase(call, 0)->drains.WaitForCollected()); }

napi_value WaitForDrain(Call& call) {
  const auto database = FindDatabase(call, 0);
  const auto ms = static_cast<int64_t>(ReadNumber(call.env, call.Argument(1, "atMostMs"), "atMostMs", -1, 3.6e6));
  const auto atMost = ms < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
  const std::optional<bool> hasSucceeded = database->drains.WaitForOldest(atMost);
  return hasSucceeded.has_value() ? MakeBoolean(call.env, *hasSucceeded) : nullptr;
}

napi_value IsDraining(Call& call) { return MakeBoolean(call.env, FindDatabase(call, 0)->drains.IsBusy()); }

}  // namespace tidemark

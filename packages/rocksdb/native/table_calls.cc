// Making and giving back the memory of write-back tables.
#include <memory>

#include "functions.h"
#include "instance.h"
#include "table_memory.h"

namespace tidemark {
namespace {

constexpr double kMaxPartBytes = 1 << 30;
constexpr double kAnyHandle = 9007199254740991.0;

void ReleaseLease(napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Lease>*>(hint); }

napi_value MakeBuffer(napi_env env, const std::shared_ptr<Lease>& lease) {
  auto holder = std::make_unique<std::shared_ptr<Lease>>(lease);
  const Memory& memory = *lease->memory;
  napi_value buffer;
  CheckNapi(napi_create_external_arraybuffer(env, memory.data(), memory.size(), ReleaseLease, holder.get(), &buffer),
            "make an ArrayBuffer over memory of its own");
  holder.release();
  return buffer;
}

}  // namespace

std::shared_ptr<TableMemory>& FindTableMemory(Call& call, size_t index) {
  std::shared_ptr<TableMemory>* memory = call.instance->tableMemories.Find(call.Whole(index, "table memory", kAnyHandle));
  if (memory == nullptr) [[unlikely]] throw Failure{kDisposed, "the table memory is closed"};
  return *memory;
}

napi_value CreateTableMemory(Call& call) {
  return MakeNumber(call.env, call.instance->tableMemories.Add(std::make_shared<TableMemory>()));
}

napi_value AddTableChunk(Call& call) {
  TableMemory& memory = *FindTableMemory(call, 0);
  const auto size = static_cast<size_t>(ReadNumber(call.env, call.Argument(1, "sizeBytes"), "sizeBytes", 1, kMaxPartBytes));
  return MakeBuffer(call.env, memory.AddChunk(size));
}

napi_value AllocateTableBlock(Call& call) {
  TableMemory& memory = *FindTableMemory(call, 0);
  const auto size = static_cast<size_t>(ReadNumber(call.env, call.Argument(1, "sizeBytes"), "sizeBytes", 1, kMaxPartBytes));
  size_t length = 0;
  auto* idOut = call.Uint32s(2, "id", &length);
  if (length < 1) Invalid("id must have an element");
  const std::shared_ptr<Lease> lease = memory.AllocateBlock(size, idOut);
  try {
    return MakeBuffer(call.env, lease);
  } catch (...) {
    memory.FreeBlock(*idOut);
    throw;
  }
}

napi_value FreeTableBlock(Call& call) {
  TableMemory& memory = *FindTableMemory(call, 0);
  const uint32_t id = call.Uint32(1, "block");
  napi_value buffer = call.Argument(2, "buffer");
  // Only the ArrayBuffer of this very block may be detached, or another one would point to freed memory.
  void* data = nullptr;
  size_t length = 0;
  const std::shared_ptr<Memory> block = memory.Block(id);
  const bool isBuffer = napi_get_arraybuffer_info(call.env, buffer, &data, &length) == napi_ok;
  if (block == nullptr || !isBuffer || data != block->data()) Invalid("there is no block " + std::to_string(id) + ", or it was freed");
  CheckNapi(napi_detach_arraybuffer(call.env, buffer), "detach the ArrayBuffer of a block");
  memory.FreeBlock(id);
  return nullptr;
}

napi_value TableMemorySize(Call& call) {
  return MakeNumber(call.env, static_cast<double>(FindTableMemory(call, 0)->SizeBytes()));
}

napi_value CloseTableMemory(Call& call) {
  FindTableMemory(call, 0);
  call.instance->tableMemories.Remove(call.Whole(0, "table memory", kAnyHandle));
  return nullptr;
}

}  // namespace tidemark

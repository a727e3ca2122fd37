// What one JavaScript environment (the main thread or one worker) owns. Environments share nothing.
#pragma once

#include <node_api.h>

#include <memory>

#include "call.h"
#include "database.h"
#include "handles.h"
#include "table_memory.h"

namespace tidemark {

struct Instance {
  napi_ref errorClass = nullptr;
  HandleTable<std::shared_ptr<Database>> databases;
  HandleTable<std::shared_ptr<TableMemory>> tableMemories;
  napi_threadsafe_function tableJobEnded = nullptr;  // made by the first drain or merge of tables
  uint32_t pendingTableJobs = 0;
};

// The open database a call names. Throws DISPOSED when it is closed or closing.
std::shared_ptr<Database>& FindDatabase(Call& call, size_t index);

// The table memory a call names. Throws DISPOSED when it was closed.
std::shared_ptr<TableMemory>& FindTableMemory(Call& call, size_t index);

}  // namespace tidemark

// What one JavaScript environment (the main thread or one worker) owns. Environments share nothing.
#pragma once

#include <node_api.h>

#include <memory>

#include "call.h"
#include "database.h"
#include "handles.h"

namespace tidemark {

struct Instance {
  napi_ref errorClass = nullptr;
  HandleTable<std::shared_ptr<Database>> databases;
};

// The open database a call names. Throws DISPOSED when it is closed or closing.
std::shared_ptr<Database>& FindDatabase(Call& call, size_t index);

}  // namespace tidemark

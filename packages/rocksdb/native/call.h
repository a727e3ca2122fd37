// One call from JavaScript: its arguments, each checked before use, and the values it returns.
#pragma once

#include <node_api.h>
#include <rocksdb/slice.h>

#include <cstdint>
#include <exception>
#include <string>

#include "errors.h"

namespace tidemark {

struct Instance;

struct ByteSpan {
  char* data;
  size_t length;
};

class Call {
 public:
  static constexpr size_t kMaxArguments = 12;

  Call(napi_env environment, napi_callback_info info);

  napi_env env;
  Instance* instance = nullptr;

  napi_value Argument(size_t index, const char* name) const;

  // A whole number from 0 to `max`. napi_get_value_uint32 would turn -1 into 4294967295 and 1.5 into 1.
  double Whole(size_t index, const char* name, double max) const;
  uint32_t Uint32(size_t index, const char* name, uint32_t max = UINT32_MAX) const;
  bool Boolean(size_t index, const char* name) const;

  // The bytes of a Uint8Array. A detached one is refused.
  ByteSpan Bytes(size_t index, const char* name) const;
  // The first bytes of a Uint8Array; argument `lengthIndex` says how many.
  rocksdb::Slice Prefix(size_t index, size_t lengthIndex, const char* name) const;
  // Elements of an Int32Array.
  int32_t* Int32s(size_t index, const char* name, size_t* length) const;
  uint32_t* Uint32s(size_t index, const char* name, size_t* length) const;

  // A string without NUL of 1 to maxBytes bytes.
  std::string Text(size_t index, const char* name, size_t maxBytes = 4096) const;

 private:
  size_t count_ = kMaxArguments;
  napi_value arguments_[kMaxArguments];
};

std::string ReadText(napi_env env, napi_value value, const std::string& name, size_t maxBytes, bool canBeEmpty);
double ReadNumber(napi_env env, napi_value value, const std::string& name, double min, double max);
bool ReadBoolean(napi_env env, napi_value value, const std::string& name);
napi_value ReadProperty(napi_env env, napi_value object, const char* name);
uint32_t ReadArrayLength(napi_env env, napi_value value, const std::string& name, uint32_t max);
napi_value ReadElement(napi_env env, napi_value array, uint32_t index);

napi_value MakeNumber(napi_env env, double number);
// Sequence numbers and sizes; throws above 2^53 - 1, where a JavaScript number would be another number.
napi_value MakeSafeNumber(napi_env env, uint64_t number, const char* what);
napi_value MakeText(napi_env env, const std::string& text);
napi_value MakeHex(napi_env env, const std::string& bytes);
napi_value MakeBoolean(napi_env env, bool value);
napi_value MakeArray(napi_env env, size_t length);
napi_value MakeObject(napi_env env);
void SetElement(napi_env env, napi_value array, size_t index, napi_value value);
void SetProperty(napi_env env, napi_value object, const char* name, napi_value value);

napi_value MakeError(napi_env env, const Failure& failure);
void ThrowError(napi_env env, const Failure& failure);

// Throws Failure when a Node-API call failed, which with checked arguments means that the environment is ending.
void CheckNapi(napi_status status, const char* doing);

// No C++ exception may cross into Node: every exported function is Entry<function>.
template <napi_value (*Function)(Call&)>
napi_value Entry(napi_env env, napi_callback_info info) {
  try {
    Call call(env, info);
    return Function(call);
  } catch (const Failure& failure) {
    ThrowError(env, failure);
  } catch (const std::exception& error) {
    ThrowError(env, Failure{kRocksDB, std::string("out of memory or internal error: ") + error.what()});
  }
  return nullptr;
}

}  // namespace tidemark

// The JavaScript values that calls return.
#include <string>

#include "call.h"
#include "instance.h"

namespace tidemark {

void CheckNapi(napi_status status, const char* doing) {
  if (status != napi_ok) [[unlikely]] throw Failure{kRocksDB, std::string("Node cannot ") + doing};
}

napi_value MakeNumber(napi_env env, double number) {
  napi_value value;
  CheckNapi(napi_create_double(env, number, &value), "make a number");
  return value;
}

napi_value MakeBoolean(napi_env env, bool value) {
  napi_value result;
  CheckNapi(napi_get_boolean(env, value, &result), "make a boolean");
  return result;
}

napi_value MakeSafeNumber(napi_env env, uint64_t number, const char* what) {
  if (number > 9007199254740991u) throw Failure{kRocksDB, std::string(what) + " is above 2^53 - 1: " + std::to_string(number)};
  return MakeNumber(env, static_cast<double>(number));
}

napi_value MakeText(napi_env env, const std::string& text) {
  napi_value value;
  CheckNapi(napi_create_string_utf8(env, text.data(), text.size(), &value), "make a string");
  return value;
}

napi_value MakeHex(napi_env env, const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    text.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    text.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return MakeText(env, text);
}

napi_value MakeArray(napi_env env, size_t length) {
  napi_value value;
  CheckNapi(napi_create_array_with_length(env, length, &value), "make an array");
  return value;
}

napi_value MakeObject(napi_env env) {
  napi_value value;
  CheckNapi(napi_create_object(env, &value), "make an object");
  return value;
}

void SetElement(napi_env env, napi_value array, size_t index, napi_value value) {
  CheckNapi(napi_set_element(env, array, static_cast<uint32_t>(index), value), "fill an array");
}

void SetProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  CheckNapi(napi_set_named_property(env, object, name, value), "fill an object");
}

namespace {

// The error class the TypeScript layer registered, or null.
napi_value ErrorClass(napi_env env) {
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) != napi_ok || data == nullptr) return nullptr;
  const auto* instance = static_cast<Instance*>(data);
  napi_value result = nullptr;
  if (instance->errorClass == nullptr || napi_get_reference_value(env, instance->errorClass, &result) != napi_ok) return nullptr;
  return result;
}

}  // namespace

napi_value MakeError(napi_env env, const Failure& failure) {
  napi_value arguments[2];
  if (napi_create_string_utf8(env, failure.code, NAPI_AUTO_LENGTH, &arguments[0]) != napi_ok) return nullptr;
  if (napi_create_string_utf8(env, failure.message.data(), failure.message.size(), &arguments[1]) != napi_ok) return nullptr;
  napi_value error = nullptr;
  napi_value errorClass = ErrorClass(env);
  if (errorClass != nullptr && napi_new_instance(env, errorClass, 2, arguments, &error) == napi_ok) return error;
  return napi_create_error(env, arguments[0], arguments[1], &error) == napi_ok ? error : nullptr;
}

void ThrowError(napi_env env, const Failure& failure) {
  bool isPending = false;
  if (napi_is_exception_pending(env, &isPending) == napi_ok && isPending) return;
  napi_value error = MakeError(env, failure);
  if (error != nullptr) napi_throw(env, error);
}

}  // namespace tidemark

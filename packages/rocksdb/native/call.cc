#include "call.h"

#include <cmath>

#include "instance.h"

namespace tidemark {

Call::Call(napi_env environment, napi_callback_info info) : env(environment) {
  void* data = nullptr;
  CheckNapi(napi_get_cb_info(env, info, &count_, arguments_, nullptr, &data), "read the arguments");
  // The data of a function is the instance of the environment it was registered in.
  instance = static_cast<Instance*>(data);
}

napi_value Call::Argument(size_t index, const char* name) const {
  if (index >= count_ || index >= kMaxArguments) Invalid(std::string(name) + " is missing");
  return arguments_[index];
}

double Call::Whole(size_t index, const char* name, double max) const {
  double number;
  const bool isNumber = napi_get_value_double(env, Argument(index, name), &number) == napi_ok;
  if (!isNumber || !(number >= 0 && number <= max) || number != std::floor(number)) [[unlikely]] {
    Invalid(std::string(name) + " must be a whole number from 0 to " + std::to_string(static_cast<uint64_t>(max)));
  }
  return number;
}

uint32_t Call::Uint32(size_t index, const char* name, uint32_t max) const {
  return static_cast<uint32_t>(Whole(index, name, max));
}

bool Call::Boolean(size_t index, const char* name) const { return ReadBoolean(env, Argument(index, name), name); }

ByteSpan Call::Bytes(size_t index, const char* name) const {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(env, Argument(index, name), &type, &length, &data, nullptr, nullptr);
  if (status != napi_ok || type != napi_uint8_array) [[unlikely]] Invalid(std::string(name) + " must be a Uint8Array");
  if (data == nullptr || length == 0) [[unlikely]] {
    // A view whose buffer was transferred away has no bytes, which is also what an empty array looks like.
    napi_value buffer;
    bool isDetached = false;
    CheckNapi(napi_get_typedarray_info(env, arguments_[index], nullptr, nullptr, nullptr, &buffer, nullptr), "read a buffer");
    if (napi_is_detached_arraybuffer(env, buffer, &isDetached) == napi_ok && isDetached) {
      Invalid(std::string(name) + " is detached: its buffer was transferred to another thread");
    }
    length = data == nullptr ? 0 : length;
  }
  return {static_cast<char*>(data), length};
}

rocksdb::Slice Call::Prefix(size_t index, size_t lengthIndex, const char* name) const {
  const ByteSpan bytes = Bytes(index, name);
  const double length = Whole(lengthIndex, "length", 9007199254740991.0);
  if (length > static_cast<double>(bytes.length)) [[unlikely]] {
    Invalid(std::string(name) + " holds " + std::to_string(bytes.length) + " bytes, fewer than the length asked for");
  }
  // A null pointer with length 0 would make Slice's memcpy calls undefined.
  return rocksdb::Slice(bytes.data == nullptr ? "" : bytes.data, static_cast<size_t>(length));
}

int32_t* Call::Int32s(size_t index, const char* name, size_t* length) const {
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(env, Argument(index, name), &type, length, &data, nullptr, nullptr);
  if (status != napi_ok || type != napi_int32_array) Invalid(std::string(name) + " must be an Int32Array");
  if (data == nullptr) *length = 0;
  return static_cast<int32_t*>(data);
}

uint32_t* Call::Uint32s(size_t index, const char* name, size_t* length) const {
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(env, Argument(index, name), &type, length, &data, nullptr, nullptr);
  if (status != napi_ok || type != napi_uint32_array) Invalid(std::string(name) + " must be a Uint32Array");
  if (data == nullptr) *length = 0;
  return static_cast<uint32_t*>(data);
}

std::string Call::Text(size_t index, const char* name, size_t maxBytes) const {
  return ReadText(env, Argument(index, name), name, maxBytes, false);
}

std::string ReadText(napi_env env, napi_value value, const std::string& name, size_t maxBytes, bool canBeEmpty) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) Invalid(name + " must be a string");
  if (length > maxBytes) Invalid(name + " is longer than " + std::to_string(maxBytes) + " bytes");
  if (length == 0 && !canBeEmpty) Invalid(name + " must not be empty");
  std::string text(length, '\0');
  CheckNapi(napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), "read a string");
  text.resize(length);
  if (text.find('\0') != std::string::npos) Invalid(name + " must not contain a NUL character");
  return text;
}

double ReadNumber(napi_env env, napi_value value, const std::string& name, double min, double max) {
  double number;
  const bool isNumber = napi_get_value_double(env, value, &number) == napi_ok;
  if (!isNumber || !(number >= min && number <= max) || number != std::floor(number)) {
    const auto from = static_cast<int64_t>(min);
    const auto to = static_cast<int64_t>(max);
    Invalid(name + " must be a whole number from " + std::to_string(from) + " to " + std::to_string(to));
  }
  return number;
}

bool ReadBoolean(napi_env env, napi_value value, const std::string& name) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) Invalid(name + " must be true or false");
  return result;
}

napi_value ReadProperty(napi_env env, napi_value object, const char* name) {
  napi_valuetype type;
  CheckNapi(napi_typeof(env, object, &type), "read an object");
  if (type != napi_object) Invalid(std::string("an object with the property ") + name + " is missing");
  napi_value value;
  CheckNapi(napi_get_named_property(env, object, name, &value), "read a property");
  return value;
}

uint32_t ReadArrayLength(napi_env env, napi_value value, const std::string& name, uint32_t max) {
  bool isArray = false;
  CheckNapi(napi_is_array(env, value, &isArray), "read an array");
  if (!isArray) Invalid(name + " must be an array");
  uint32_t length = 0;
  CheckNapi(napi_get_array_length(env, value, &length), "read an array");
  if (length > max) Invalid(name + " has more than " + std::to_string(max) + " entries");
  return length;
}

napi_value ReadElement(napi_env env, napi_value array, uint32_t index) {
  napi_value value;
  CheckNapi(napi_get_element(env, array, index, &value), "read an array");
  return value;
}

}  // namespace tidemark

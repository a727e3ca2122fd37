// One way to report a failure: throw Failure anywhere, Entry (call.h) or a work item (work.h) turns it into a JavaScript error.
#pragma once

#include <rocksdb/status.h>

#include <string>

namespace tidemark {

inline constexpr const char* kRocksDB = "ROCKSDB";
inline constexpr const char* kInvalidArgument = "INVALID_ARGUMENT";
inline constexpr const char* kDisposed = "DISPOSED";
inline constexpr const char* kNoSpace = "NO_SPACE";
inline constexpr const char* kIo = "IO";
inline constexpr const char* kStateCorrupt = "STATE_CORRUPT";
inline constexpr const char* kDirectoryInUse = "DIRECTORY_IN_USE";

// Why work on another thread ended before its time.
inline constexpr const char* kJobAborted = "the work was cancelled, or the thread or its database is ending";

// code is one of the constants above; message is for people and already says what to do where something can be done.
struct Failure {
  const char* code;
  std::string message;
};

[[noreturn]] void Invalid(const std::string& message);

Failure FailureFromStatus(const rocksdb::Status& status, const std::string& doing);
Failure FailureFromErrno(int error, const std::string& doing);

// Throws when the status is not OK. `doing` is a phrase such as "cannot open /data/a".
inline void Check(const rocksdb::Status& status, const char* doing) {
  if (!status.ok()) [[unlikely]] throw FailureFromStatus(status, doing);
}

}  // namespace tidemark

#include "errors.h"

#include <cerrno>
#include <cstring>

namespace tidemark {

void Invalid(const std::string& message) { throw Failure{kInvalidArgument, message}; }

namespace {

// RocksDB reports a held LOCK file as an I/O error, so only its text tells: the first is the table of locks of this process,
// the second fcntl's refusal because another process holds it.
bool IsLockHeld(const std::string& text) {
  return text.find("lock hold by current process") != std::string::npos || text.find("While lock file") != std::string::npos;
}

}  // namespace

Failure FailureFromStatus(const rocksdb::Status& status, const std::string& doing) {
  const std::string text = status.ToString();
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) return {kNoSpace, doing + ": " + text};
  if (status.IsCorruption()) return {kStateCorrupt, doing + ": " + text};
  if (status.IsShutdownInProgress()) return {kDisposed, doing + ": the database is closing"};
  if (status.IsIOError()) {
    if (IsLockHeld(text)) {
      return {kDirectoryInUse, doing + ": another database object, thread or process has this directory open (" + text + ")"};
    }
    return {kIo, doing + ": " + text};
  }
  if (status.IsInvalidArgument()) return {kInvalidArgument, doing + ": " + text};
  return {kRocksDB, doing + ": " + text};
}

Failure FailureFromErrno(int error, const std::string& doing) {
  const bool isFull = error == ENOSPC || error == EDQUOT;
  return {isFull ? kNoSpace : kIo, doing + ": " + std::strerror(error) + " (errno " + std::to_string(error) + ")"};
}

}  // namespace tidemark

#include "link_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace tidemark {
namespace {

bool IsSameFile(const std::string& left, const std::string& right) {
  struct stat a;
  struct stat b;
  return stat(left.c_str(), &a) == 0 && stat(right.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool CanCopyInstead(int error) {
  return error == EXDEV || error == EPERM || error == EMLINK || error == ENOTSUP || error == EOPNOTSUPP;
}

int CopyBytes(int from, int to) {
  std::vector<char> buffer(1 << 18);
  while (true) {
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count == 0) return fsync(to) == 0 ? 0 : errno;
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = write(to, buffer.data() + done, static_cast<size_t>(count - done));
      if (written < 0 && errno != EINTR) return errno;
      if (written > 0) done += written;
    }
  }
}

int CopyFile(const std::string& source, const std::string& target) {
  const int from = open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return errno;
  const int to = open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (to < 0) {
    const int error = errno;
    close(from);
    return error;
  }
  int error = CopyBytes(from, to);
  close(from);
  if (close(to) != 0 && error == 0) error = errno;
  if (error != 0) unlink(target.c_str());
  return error;
}

}  // namespace

LinkOutcome LinkOrCopyFile(const std::string& source, const std::string& target, int* error) {
  *error = 0;
  if (link(source.c_str(), target.c_str()) == 0) return LinkOutcome::kLinked;
  *error = errno;
  if (*error == EEXIST) {
    if (!IsSameFile(source, target)) return LinkOutcome::kFailed;
    *error = 0;
    return LinkOutcome::kAlreadyThere;
  }
  if (!CanCopyInstead(*error)) return LinkOutcome::kFailed;
  *error = CopyFile(source, target);
  return *error == 0 ? LinkOutcome::kCopied : LinkOutcome::kFailed;
}

}  // namespace tidemark

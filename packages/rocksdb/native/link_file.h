// Hard links, with a copy where the file system cannot link.
#pragma once

#include <string>

namespace tidemark {

enum class LinkOutcome { kLinked, kCopied, kAlreadyThere, kFailed };

// Makes `target` a hard link of `source`. EXDEV, EPERM, EMLINK, ENOTSUP and EOPNOTSUPP fall back to a copy that is fsynced;
// a target that is already the same inode is fine. The directory of the target is not fsynced: that is the caller's step
// when the set is complete. *error is the errno when kFailed; a half-made copy is removed.
LinkOutcome LinkOrCopyFile(const std::string& source, const std::string& target, int* error);

}  // namespace tidemark

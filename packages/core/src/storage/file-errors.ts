import { isStateError, StateError } from "../errors/index.js";

/** What a file operation wanted: only a denied write says something about the directory's configuration. */
export type FileAccess = "read" | "write" | "link";

/** The errno name ("ENOENT") of an error from Node or from a FileSystem, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (isStateError(error)) {
    const errno = error.details["errno"];
    return typeof errno === "string" ? errno : undefined;
  }
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : undefined;
}

const noSpace = new Set(["ENOSPC", "EDQUOT"]);
const denied = new Set(["EACCES", "EPERM", "EROFS"]);
/** link() answers these where the file system or the pair of places has no hard links; callers fall back to a copy. */
const linkImpossible = new Set(["EPERM", "EMLINK", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** True when a failed link() means "not possible here" rather than "failed". */
export function isLinkImpossible(error: unknown): boolean {
  return linkImpossible.has(errnoOf(error) ?? "");
}

/**
 * Turns an error of an operation on `path` into the StateError that FileSystem promises: NO_SPACE, DIRECTORY_NOT_WRITABLE for a
 * denied write, IO otherwise; `details` has errno, operation and path. A StateError comes back as it is.
 */
export function fileError(operation: string, path: string, error: unknown, access: FileAccess): StateError {
  if (isStateError(error)) {
    return error;
  }
  const errno = errnoOf(error);
  const details = { operation, path, ...(errno === undefined ? {} : { errno }) };
  const reason = error instanceof Error ? error.message : String(error);
  if (errno !== undefined && noSpace.has(errno)) {
    return new StateError("NO_SPACE", `no space left to ${operation} ${path}: free space on that disk or raise the quota (${reason})`, {
      cause: error,
      details,
    });
  }
  const isDenied = errno !== undefined && denied.has(errno) && !(access === "link" && isLinkImpossible(error));
  if (isDenied && access !== "read") {
    return new StateError(
      "DIRECTORY_NOT_WRITABLE",
      `not allowed to ${operation} ${path}: give this process write access or choose another directory (${reason})`,
      { cause: error, details },
    );
  }
  return new StateError("IO", `cannot ${operation} ${path}: ${reason}`, { cause: error, details });
}

/** An error as `fileError` makes it, for file systems that are not the operating system's. */
export function errnoError(operation: string, path: string, errno: string, reason: string, access: FileAccess = "write"): StateError {
  return fileError(operation, path, Object.assign(new Error(`${errno}: ${reason}`), { code: errno }), access);
}

/** The limit of FileSystem.readFile when the caller gives none: 64 MiB. */
export const defaultReadLimitBytes = 64 * 1024 * 1024;

/** The refusal of FileSystem.readFile, made before any byte is read. */
export function tooLargeToRead(path: string, sizeBytes: number, maxBytes: number): StateError {
  return new StateError("IO", `will not read ${path}: it has ${sizeBytes} bytes, the limit is ${maxBytes}`, {
    details: { operation: "read", path, errno: "EFBIG", sizeBytes, maxBytes },
  });
}

/** The refusal of FileSystem.openForAppend when bytes that must be kept are not there. */
export function tooShortToAppend(path: string, sizeBytes: number, lengthBytes: number): StateError {
  return new StateError("IO", `cannot append to ${path} at byte ${lengthBytes}: it has only ${sizeBytes} bytes, so some were lost`, {
    details: { operation: "append to", path, sizeBytes, lengthBytes },
  });
}

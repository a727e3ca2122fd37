import { isStateError, StateError } from "../errors/index.js";
import type { FileSystem, ReadableFile } from "../storage/index.js";

/** Opens an input file. Throws INPUT_UNREADABLE with the reason and what to do, for any failure. */
export async function openInput(fileSystem: FileSystem, path: string): Promise<ReadableFile> {
  try {
    return await fileSystem.openForRead(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Reads exactly `length` bytes. Throws INPUT_UNREADABLE when that fails, INPUT_DAMAGED when the file is now shorter. */
export async function readInput(file: ReadableFile, path: string, offset: number, length: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await file.read(offset, length);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (bytes.byteLength !== length) {
    throw new StateError("INPUT_DAMAGED", `${path} became shorter while it was read: ${length} bytes at ${offset} are not there any more`, {
      details: { path, offset, length },
    });
  }
  return bytes;
}

function unreadable(path: string, cause: unknown): StateError {
  const errno = isStateError(cause) ? cause.details["errno"] : undefined;
  let advice: string;
  if (errno === "ENOENT" || errno === "ENOTDIR") advice = "there is no such file; check the path";
  else if (errno === "EACCES" || errno === "EPERM") advice = "this user may not read it; check its permissions";
  else if (errno === "EISDIR") advice = "it is a directory; name a file";
  else advice = cause instanceof Error ? cause.message : String(cause);
  return new StateError("INPUT_UNREADABLE", `Cannot read the input file ${path}: ${advice}`, { cause, details: { path, errno } });
}

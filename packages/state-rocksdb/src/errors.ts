import { RocksDBError } from "@tidemark/rocksdb";
import { type ErrorCode, StateError } from "@tidemark/core/state";

const codes: Readonly<Record<RocksDBError["code"], ErrorCode>> = {
  ROCKSDB: "ROCKSDB",
  INVALID_ARGUMENT: "INTERNAL",
  DISPOSED: "DISPOSED",
  BATCH_TOO_LARGE: "VALUE_TOO_LARGE",
  NO_SPACE: "NO_SPACE",
  IO: "IO",
  STATE_CORRUPT: "STATE_CORRUPT",
  DIRECTORY_IN_USE: "DIRECTORY_IN_USE",
  NATIVE_BINDING_MISSING: "NATIVE_BINDING_MISSING",
};

/** RocksDB wraps some errors and keeps nothing of the inner one but its text: that of ENOSPC and EDQUOT. */
const fullDisk = /No space left on device|[Qq]uota exceeded/;

/** The binding's errors as StateError; any other error as it is. */
export function asStateError(error: unknown): unknown {
  if (!(error instanceof RocksDBError)) return error;
  const isFull = (error.code === "IO" || error.code === "ROCKSDB") && fullDisk.test(error.message);
  return new StateError(isFull ? "NO_SPACE" : codes[error.code], error.message, { cause: error });
}

/** Awaits work of the binding; its errors come out as StateError. */
export async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asStateError(error);
  }
}

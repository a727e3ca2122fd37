/**
 * What went wrong, stable across versions.
 *
 * Fix the call: `INVALID_ARGUMENT`, `DISPOSED` (closed database, iterator or snapshot), `BATCH_TOO_LARGE`.
 * Fix the surroundings: `DIRECTORY_IN_USE`, `NO_SPACE`, `IO`, `NATIVE_BINDING_MISSING`.
 * Restore from a checkpoint: `STATE_CORRUPT`. Everything else RocksDB reports: `ROCKSDB`.
 */
export type RocksDBErrorCode =
  | "ROCKSDB"
  | "INVALID_ARGUMENT"
  | "DISPOSED"
  | "BATCH_TOO_LARGE"
  | "NO_SPACE"
  | "IO"
  | "STATE_CORRUPT"
  | "DIRECTORY_IN_USE"
  | "NATIVE_BINDING_MISSING";

/** Every error this package throws or rejects with. */
export class RocksDBError extends Error {
  readonly code: RocksDBErrorCode;

  constructor(code: RocksDBErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RocksDBError";
    this.code = code;
  }
}

import type { ErrorKind } from "./state-error.js";

interface CodeEntry {
  readonly kind: ErrorKind;
  /** One line for docs/errors.md: when it happens. */
  readonly when: string;
}

function code(kind: ErrorKind, when: string): CodeEntry {
  return { kind, when };
}

/** Every code there is. docs/errors.md lists each one and a test keeps the two equal. */
export const errorCodes = {
  // The call is wrong.
  INVALID_ARGUMENT: code("fix-call", "an argument has the wrong type or is out of range"),
  KEY_TYPE: code("fix-call", "a key is not of the type its key serializer takes"),
  KEY_TOO_LARGE: code("fix-call", "an encoded key is longer than the limit (64 KiB unless configured)"),
  VALUE_NOT_SERIALIZABLE: code(
    "fix-call",
    "a value cannot be stored without changing it (function, symbol, cycle, wrong type for its serializer)",
  ),
  VALUE_TOO_LARGE: code("fix-call", "an encoded value is larger than the limit (64 MiB unless configured)"),
  NO_CURRENT_KEY: code("fix-call", "keyed state was used while no record or timer of a key was being processed"),
  STATE_NAME_CONFLICT: code("fix-call", "two descriptors share a name but differ in kind or type"),
  DISPOSED: code("fix-call", "a backend, store or database was used after it was closed"),
  INVALID_GRAPH: code("fix-call", "the dataflow of a job is incomplete or names an operator twice"),
  CHECKPOINT_ID: code("fix-call", "a checkpoint id was asked for that is not above the last one"),
  USER_FUNCTION: code("fix-call", "a function of the job threw; the cause has the original error"),

  // The configuration or the environment is wrong.
  INVALID_CONFIGURATION: code("fix-configuration", "an option is unknown, missing or out of range"),
  UNKNOWN_BACKEND: code("fix-configuration", "a backend name is none of those available"),
  INPUT_UNREADABLE: code("fix-configuration", "an input file is missing or cannot be read"),
  INPUT_DAMAGED: code("fix-configuration", "an input file is cut short or not in the format it should have"),
  DIRECTORY_NOT_WRITABLE: code("fix-configuration", "a directory cannot be created or written"),
  DIRECTORY_IN_USE: code("fix-configuration", "another process has this working directory open"),
  FOREIGN_DIRECTORY: code("fix-configuration", "a checkpoint directory belongs to another job or is no checkpoint directory"),
  NATIVE_BINDING_MISSING: code("fix-configuration", "the RocksDB binding has not been built for this platform"),
  MAX_PARALLELISM_MISMATCH: code("fix-configuration", "a restore was asked for with another max parallelism than the checkpoint's"),
  STATE_INCOMPATIBLE: code("fix-configuration", "the type of a state differs from the stored one in a way that cannot be migrated"),
  BACKEND_MISMATCH: code("fix-configuration", "a checkpoint was taken with another backend; use a savepoint to change backends"),
  NO_MEMORY: code("fix-configuration", "state on the heap nears the limit of the process"),
  STATE_NOT_RESTORED: code("fix-configuration", "a checkpoint holds state of an operator that the job no longer has"),

  // Try again.
  NO_SPACE: code("retry", "the disk is full"),
  CHECKPOINT_FAILED: code("retry", "a checkpoint was aborted; nothing earlier was lost"),
  CHECKPOINT_TIMEOUT: code("retry", "a checkpoint did not complete within its timeout"),
  CHECKPOINT_DECLINED: code("retry", "a checkpoint cannot start now (the job is stopping or another one is running)"),
  IO: code("retry", "a file operation failed"),

  // The stored state needs attention.
  CHECKPOINT_DAMAGED: code("restore", "a checkpoint's manifest or commit record is cut short, altered or malformed"),
  CHECKPOINT_VERSION: code("restore", "a checkpoint is in a format version that this release does not read"),
  CHECKPOINT_UNSAFE_NAME: code("restore", "a checkpoint names a file outside its directory or with a forbidden name"),
  CHECKPOINT_FILE_MISSING: code("restore", "a file that a checkpoint names is not there"),
  CHECKPOINT_FILE_DAMAGED: code("restore", "a file that a checkpoint names has another size or checksum"),
  CHECKPOINT_NOT_FOUND: code("restore", "the checkpoint asked for does not exist"),
  RESTORE_WOULD_DUPLICATE: code("restore", "going back to an older checkpoint would repeat effects that a sink cannot take back"),
  COORDINATOR_FENCED: code("restore", "a newer coordinator of this job took over; this one stops for good"),
  STATE_CORRUPT: code("restore", "stored bytes do not decode; the state directory or a file is damaged"),
  ROCKSDB: code("restore", "RocksDB reported an error; the message is RocksDB's own"),

  // Ours.
  INTERNAL: code("report-bug", "an invariant of Tidemark itself does not hold"),
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

import { randomBytes } from "node:crypto";
import { KeyContext, type KeyedStateContext, processMemory, type ReadMemory, type StateBackend, StateError } from "@tidemark/core/state";
import type { SyncFileSystem } from "@tidemark/core/storage";
import { NodeSyncFileSystem } from "@tidemark/core/storage";
import { FsKeyedStateOpener } from "./fs-keyed-state-opener.js";
import type { FsKeyedStateBackend } from "./fs-keyed-state-backend.js";
import type { MaterialiseOptions } from "./fs-snapshots.js";
import type { Durability } from "./log/change-log.js";

/** Options of fsBackend(). */
export interface FsBackendOptions {
  /**
   * Local directory for the logs, best on the same filesystem as the checkpoints, whose files are then hard links. With durability
   * "checkpoint" it is scratch space; else it is the store itself, and one process at a time may have it open.
   */
  readonly directory: string;
  /**
   * When changes survive a crash. "checkpoint" (default): with the checkpoint they are in. "batch": once commit() resolves.
   * "every-write": once the call that made them returns, which then takes as long as an fsync: tens of microseconds to several
   * milliseconds by the disk.
   */
  readonly durability?: Durability;
  /** A segment of the log ends at this size, and at each checkpoint. Default 16 MiB. */
  readonly segmentBytes?: number;
  readonly materialise?: MaterialiseOptions;
  /**
   * Most changes that may wait to be written. Default 64 MiB. What happens beyond: with "checkpoint" the log is given up and the next
   * checkpoint writes all of the state; with "batch" changes throw NO_MEMORY until commit() has resolved.
   */
  readonly pendingBytesMax?: number;
  /** Blocking access to the files that `fileSystem` of the job means; for "every-write". Default: the operating system's. */
  readonly syncFileSystem?: SyncFileSystem;
  /**
   * How much memory is in use and may be used. Near a limit changes throw NO_MEMORY instead of ending the process. Default: V8's limit
   * for the heap, and that of the container or machine for the process.
   */
  readonly readMemory?: ReadMemory;
}

/** The fs backend; what it opens has commit(). */
export interface FsStateBackend extends StateBackend {
  open<K>(context: KeyedStateContext<K>): Promise<FsKeyedStateBackend<K>>;
}

const known = new Set(["directory", "durability", "segmentBytes", "materialise", "pendingBytesMax", "syncFileSystem", "readMemory"]);
const durabilities: readonly unknown[] = ["checkpoint", "batch", "every-write"] satisfies Durability[];

/**
 * Keeps state on the JavaScript heap and writes each change to a log: for state that fits into memory, with checkpoints that cost what
 * changed. With durability "batch" or "every-write" it is a store of its own, for input that cannot be read again.
 * @throws StateError INVALID_CONFIGURATION
 * @example job("count", build, { backend: fsBackend({ directory: "state" }) })
 */
export function fsBackend(options: FsBackendOptions): FsStateBackend {
  checkOptions(options);
  const opener = new FsKeyedStateOpener({
    directory: options.directory,
    durability: options.durability ?? "checkpoint",
    segmentBytes: options.segmentBytes ?? 16 * 1024 * 1024,
    pendingBytesMax: options.pendingBytesMax ?? 64 * 1024 * 1024,
    materialise: { ratio: 1, minimumBytes: 4 * 1024 * 1024, segmentsMax: 100, ...options.materialise },
    syncFileSystem: options.syncFileSystem ?? new NodeSyncFileSystem(),
    readMemory: options.readMemory ?? processMemory,
    nonce: (bytes) => randomBytes(bytes).toString("hex"),
  });
  return Object.freeze({
    name: "fs",
    open: async <K>(context: KeyedStateContext<K>) =>
      opener.open(context, new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism)),
  });
}

function checkOptions(options: FsBackendOptions): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalid(`${name} is not an option of fsBackend(); there are ${[...known].join(", ")}`);
  }
  if (typeof options.directory !== "string" || options.directory === "") throw invalid("fsBackend() needs a directory for its logs");
  if (options.durability !== undefined && !durabilities.includes(options.durability)) {
    throw invalid(`durability must be one of ${durabilities.join(", ")}, not ${JSON.stringify(options.durability)}`);
  }
  const { ratio, minimumBytes, segmentsMax, ...others } = options.materialise ?? {};
  for (const name of Object.keys(others)) {
    throw invalid(`${name} is not an option of materialise; there are ratio, minimumBytes, segmentsMax`);
  }
  const gib = 1024 ** 3;
  requireRange("segmentBytes", options.segmentBytes, 1024, gib);
  requireRange("pendingBytesMax", options.pendingBytesMax, 1024, gib);
  requireRange("materialise.ratio", ratio, 0.1, 100);
  requireRange("materialise.minimumBytes", minimumBytes, 0, Number.MAX_SAFE_INTEGER);
  requireRange("materialise.segmentsMax", segmentsMax, 2, 10_000);
}

function requireRange(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (typeof value === "number" && value >= least && value <= most)) return;
  throw invalid(`${name} must be a number from ${least} to ${most}, not ${JSON.stringify(value)}`);
}

function invalid(message: string): StateError {
  return new StateError("INVALID_CONFIGURATION", message);
}

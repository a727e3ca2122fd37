import type { FileReference, FileSystem, KeyedStateHandle, SnapshotFiles } from "../storage/index.js";
import type { StateDescriptor, StateOf } from "./descriptors.js";
import type { KeyGroupRange } from "./key-groups.js";
import type { NamespacedState } from "./namespace.js";
import type { StateExport } from "./savepoint/state-export.js";
import type { KeySerializer } from "./serializers/index.js";
import type { StateIdAllocator } from "./state-ids.js";
import type { TimerQueue } from "./timers/timer-queue.js";

/** Where keyed state lives: picked by one line of a job. */
export interface StateBackend {
  /** Stored in checkpoints: "memory", "rocksdb". */
  readonly name: string;
  /**
   * How open() takes files of its own checkpoints. "link": through RestoredState.place(), into a directory of its own; so their sizes
   * are checked before it and their checksums while the job runs. "read" (the default): it reads them, so checksums come first.
   */
  readonly restoresBy?: "link" | "read";
  /** Opens the keyed state of one subtask of one operator, restored when the context says from what. */
  open<K>(context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>>;
}

/** Whose state a backend is asked to hold, and the services it may use. */
export interface KeyedStateContext<K> {
  readonly job: string;
  readonly operator: string;
  readonly subtask: number;
  /** The coordinator's generation: part of working directories and file names, so that no two attempts share one. */
  readonly generation: number;
  readonly keySerializer: KeySerializer<K>;
  readonly keyGroups: KeyGroupRange;
  readonly maxParallelism: number;
  readonly fileSystem: FileSystem;
  /** Milliseconds since the epoch; decides when state with a ttl expires. */
  readonly nowMs: () => number;
  /** Deeply freezes what handles take and give, so that changing state in place throws. Default false. */
  readonly isDevelopment?: boolean;
  /**
   * Gives ids to states, the same in all subtasks of the operator: pass it to `new StateRegistry()`. Absent where there is one subtask
   * and no job.
   */
  readonly stateIds?: StateIdAllocator;
  /** State to start from; absent on a fresh start. */
  readonly restore?: RestoredState;
}

/** Paths of files that may hold what a file of a checkpoint holds; likeliest first. */
export type FindElsewhere = (file: FileReference) => Promise<readonly string[]>;

export interface RestoredState {
  /** One handle for each subtask that held a part of this key-group range. */
  readonly handles: readonly KeyedStateHandle[];
  /**
   * Looks up a file that a handle names: its size and checksum, and where it is. Verified before it is handed out, by checksum or by size
   * (StateBackend.restoresBy). The reference's own name may differ from `name`: put the reference into later checkpoints as it is.
   */
  readonly file: (name: string) => { readonly reference: FileReference; readonly path: string };
  /**
   * Puts a file that a handle names at the path `to`, which must not exist: hard link where possible, which costs next to nothing,
   * else a copy whose checksum is compared. `elsewhere` says where the same bytes may be on local disk: it is asked where the checkpoint
   * cannot be linked, and the first of these files with the right size and SHA-256 is linked instead of copying ("found"). Absent in some
   * tests; link `file(name).path` then. Throws CHECKPOINT_FILE_DAMAGED, NO_SPACE, IO, the signal's reason.
   */
  readonly place?: (name: string, to: string, signal?: AbortSignal, elsewhere?: FindElsewhere) => Promise<"linked" | "found" | "copied">;
}

/**
 * The keyed state of one subtask. Access is synchronous and always about the current key. Any call after close()
 * throws DISPOSED.
 */
export interface KeyedStateBackend<K> {
  /** Makes `key` the one that state handles and timers mean. Throws KEY_TYPE, KEY_TOO_LARGE. */
  setCurrentKey(key: K): void;
  /** Throws NO_CURRENT_KEY when there is none. */
  currentKey(): K;
  /** From here on, state access throws NO_CURRENT_KEY until setCurrentKey(). */
  clearCurrentKey(): void;
  /**
   * The handle of a state. The same descriptor gives the same handle. Throws STATE_NAME_CONFLICT when the name is taken by a state
   * of another kind or type, STATE_INCOMPATIBLE when restored bytes are of another type.
   */
  getState<D extends StateDescriptor>(descriptor: D): StateOf<D>;
  /** The same for a state that holds an entry for each key and namespace. A state has namespaces of one type or none. */
  getNamespacedState<N, D extends StateDescriptor>(descriptor: D, namespaces: KeySerializer<N>): NamespacedState<N, StateOf<D>>;
  /** All keys that have an entry in a state, each once, in byte order of (key group, key). */
  keys(descriptor: StateDescriptor): IterableIterator<K>;
  /** Timers of this subtask, one queue a time domain; part of every snapshot. */
  timers(domain: TimeDomain): TimerQueue<K>;
  /** Timers for each key and namespace: queues of their own. All calls pass namespaces of the same type. */
  namespacedTimers<N>(domain: TimeDomain, namespaces: KeySerializer<N>): TimerQueue<K, N>;
  /**
   * Fixes the contents for a checkpoint. The contents are those at the call; the caller processes no record until the promise
   * resolves, then records may flow while `result` is pending.
   */
  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot>;
  /**
   * Fixes the contents for an export in the order of stored keys, as savepoints need it; records may flow meanwhile. Close it.
   * Throws CHECKPOINT_DECLINED where it cannot be while a snapshot is written.
   */
  exportEntries(): StateExport;
  /** The checkpoint was announced: what only older ones needed may be forgotten. */
  notifyCheckpointComplete(checkpointId: number): void;
  /** The checkpoint will never complete. Its changes are part of the next one. */
  notifyCheckpointAborted(checkpointId: number): void;
  /**
   * The base of a chain (KeyedStateHandle.chain) did not read back whole. True when this backend wrote that chain and begins a new one
   * with its next checkpoint; the checkpoint directory keeps the chain before until that one was read back.
   */
  notifyChainDamaged?(chain: string): boolean;
  /** Approximate size of the state; for progress and metrics. */
  stateSizeBytes(): number;
  /**
   * Figures of this backend's own by name, for JobMetrics: counts since it was opened, and what is the case now. Names end with their
   * unit ("blockCacheBytes") and never change their meaning. Cheap enough for every second. None after close().
   */
  metrics?(): BackendMetrics;
  /** Stops pending work, releases everything and removes local working files. Safe to call twice. */
  close(): Promise<void>;
}

export type BackendMetrics = Readonly<Record<string, number>>;

export type TimeDomain = "event" | "processing";

export interface KeyedStateSnapshot {
  /** Resolves when every file is in the checkpoint; rejects when the snapshot failed or was aborted. Never unhandled. */
  readonly result: Promise<KeyedStateResult>;
}

export interface KeyedStateResult {
  readonly handle: KeyedStateHandle;
  /** Every file the handle names. */
  readonly files: readonly FileReference[];
}

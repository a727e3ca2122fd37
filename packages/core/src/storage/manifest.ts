/** A file in a job's shared/ directory, as a manifest names it. */
export interface FileReference {
  /** A base name that matches the allow-list pattern; never a path. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What one subtask of one operator put into a checkpoint. */
export interface SubtaskState {
  readonly subtask: number;
  /** Keyed state: written and understood by the backend named here. */
  readonly keyed?: KeyedStateHandle;
  /** Small state of a source (its position) or a sink, as the connector gave it. */
  readonly connector?: Json;
}

/** Keyed state of one subtask in a checkpoint. */
export interface KeyedStateHandle {
  /** The backend that wrote it: "memory", "fs", "rocksdb". */
  readonly backend: string;
  /** Inclusive. */
  readonly keyGroups: readonly [first: number, last: number];
  /** Names of all shared files that this handle needs, each also in the manifest's `files`. */
  readonly files: readonly string[];
  /** Backend-specific description: state ids, serializer snapshots, SST levels and sequence numbers. */
  readonly description: Json;
  /** Given by a backend whose checkpoints share a base: subsume() then keeps the chain before until this one's base was read back. */
  readonly chain?: FileChain;
}

/** A base that one checkpoint after the other goes on from, each adding files of its own. */
export interface FileChain {
  /** The same in all checkpoints of the chain, and in no other chain of the job: "3-count-0-17", say. 1 to 128 characters. */
  readonly id: string;
  /** Those of the handle's files that are the base. */
  readonly base: readonly string[];
  /**
   * What the backend says of the base, apart from the handle's own `description`. With it, the base is listed in a file of its own, once
   * for the whole chain: give it where the base may have many files.
   */
  readonly description?: Json;
}

/** Which file lists the base of a chain. */
export interface BaseListName {
  readonly chain: string;
  /** One of the manifest's files. */
  readonly file: string;
  /** What it unpacks to. */
  readonly unpackedBytes: number;
}

/** Which state of an operator has which id, over all of its subtasks (rule 10). */
export interface OperatorStateIds {
  /** Above every id ever given. */
  readonly nextId: number;
  readonly states: readonly { readonly id: number; readonly name: string }[];
  /** Ids below nextId that no state has any more; never given again. */
  readonly retired: readonly number[];
}

export interface OperatorState {
  readonly id: string;
  readonly parallelism: number;
  readonly subtasks: readonly SubtaskState[];
  /** Absent for operators without keyed state. */
  readonly stateIds?: OperatorStateIds;
}

/** What a checkpoint is, complete with the bases that its file leaves to lists; drawn in docs/formats/checkpoint.md. */
export interface CheckpointManifest {
  readonly job: string;
  readonly checkpoint: number;
  readonly generation: number;
  /** "final" is the last checkpoint of a job whose input ended. */
  readonly kind: "checkpoint" | "final";
  /** Milliseconds since the epoch, by the coordinator's clock; for people, never for decisions. */
  readonly createdAtMs: number;
  readonly maxParallelism: number;
  /** Input records that are inside this checkpoint, over all sources. */
  readonly records: number;
  readonly operators: readonly OperatorState[];
  /** Every shared file that this checkpoint needs, each once; the lists of bases too. */
  readonly files: readonly FileReference[];
  /** One for each chain with a description of its base; absent for none. */
  readonly baseLists?: readonly BaseListName[];
}

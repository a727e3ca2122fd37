import type { FileSystem, Json } from "../storage/index.js";

/**
 * Where results go. A sink takes part in checkpoints: what snapshot() returns is stored, and a sink opened with it
 * takes back everything written after that snapshot. A sink that cannot take back writes must not have them seen before
 * notifyCheckpointComplete().
 */
export interface Sink<T> {
  readonly description: string;
  /**
   * True when a restore takes back everything written after its checkpoint, also what notifyCheckpointComplete() or finish() made
   * seen since. Then going back below the newest checkpoint duplicates nothing. Default false.
   */
  readonly rollsBack?: boolean;
  open(context: SinkContext, restored: Json | undefined): Promise<SinkWriter<T>>;
}

export interface SinkContext {
  readonly subtask: number;
  readonly parallelism: number;
  readonly fileSystem: FileSystem;
}

export interface SinkWriter<T> {
  /** Takes one record; never waits. `timestampMs` is the record's event time, or undefined where it has none. */
  write(value: T, timestampMs: number | undefined): void;
  /** Called between batches: returns a promise while too much is buffered, and the job waits for it. */
  drain(): Promise<void> | undefined;
  /** Makes what was written so far durable and returns what a restore needs to know. Later writes do not belong to it. */
  snapshot(checkpointId: number): Promise<Json>;
  /** The checkpoint was announced. Called at least once for the newest one, perhaps again after a restore. */
  notifyCheckpointComplete(checkpointId: number): Promise<void>;
  /** The input ended and the final checkpoint was announced: publish the result. Repeated after a crash in it. */
  finish(): Promise<void>;
  /** Releases files and handles, without publishing. */
  close(): Promise<void>;
}

import type { FileReference, OperatorState, SnapshotFiles } from "../storage/index.js";

/** The running job as its coordinator sees it. */
export interface CheckpointParticipant {
  /**
   * Sends a barrier through the job and gathers what its operators stored. Rejects when one of them failed; then nothing of the
   * job's state is lost, and the next checkpoint holds the changes.
   */
  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<JobSnapshot>;
  /** The checkpoint was announced: what only older ones needed may be forgotten. */
  notifyComplete(checkpointId: number): void;
  /** The checkpoint was announced and everything it goes back to is whole: sinks may make their output seen. */
  commitSinks(checkpointId: number): Promise<void>;
  /** The base of a chain did not read back. True when a backend goes on with a new one, false when none can. */
  chainDamaged(chain: string): boolean;
  /** The checkpoint will never complete. */
  notifyAborted(checkpointId: number): void;
}

export interface JobSnapshot {
  readonly operators: readonly OperatorState[];
  readonly files: readonly FileReference[];
  readonly records: number;
  readonly pauseMs: number;
}

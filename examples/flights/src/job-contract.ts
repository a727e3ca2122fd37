/** What the process that runs the job is told, and what it reports. */

export const backendNames = ["memory", "rocksdb"] as const;
export type BackendName = (typeof backendNames)[number];

export interface FlightsJobOptions {
  readonly backend: BackendName;
  /** The Parquet file. */
  readonly input: string;
  /** Only the first records of the input. */
  readonly records?: number;
  /** The result; it appears when the job is done. */
  readonly output: string;
  /** Checkpoints; a job that finds some here goes on from the newest. */
  readonly checkpointDirectory: string;
  /** Files of the state backend while the job runs; nothing in it outlives a crash. */
  readonly workingDirectory: string;
}

/** Sent a few times a second. */
export interface ProgressMessage {
  readonly type: "progress";
  /** Input records done; after a restore it goes on from the checkpoint's count. */
  readonly records: number;
  readonly total: number;
  readonly stateBytes: number;
}

export interface CheckpointMessage {
  readonly type: "checkpoint";
  readonly id: number;
  /** Size of the files that this checkpoint was the first to name. */
  readonly newBytes: number;
  readonly totalBytes: number;
  readonly durationMs: number;
  /** Why it was given up; absent when it completed. */
  readonly failed?: string;
}

export interface RestoredMessage {
  readonly type: "restored";
  /** The id of the checkpoint. */
  readonly checkpoint: number;
}

export interface DoneMessage {
  readonly type: "done";
  readonly records: number;
  readonly duplicates: number;
}

export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
}

export type JobMessage = ProgressMessage | CheckpointMessage | RestoredMessage | DoneMessage | ErrorMessage;

/**
 * Runs the job to its end, or to a last checkpoint once `signal` is aborted (then without a "done" message). Reports everything except
 * "error": it throws instead.
 */
export type RunFlightsJob = (options: FlightsJobOptions, report: (message: JobMessage) => void, signal: AbortSignal) => Promise<void>;

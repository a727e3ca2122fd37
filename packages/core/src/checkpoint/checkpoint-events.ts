import type { StateError } from "../errors/index.js";

/** A completed checkpoint in figures. */
export interface CheckpointReport {
  readonly id: number;
  readonly kind: "checkpoint" | "final";
  /** From the barrier to the announcement. */
  readonly durationMs: number;
  /** Time in which the record path stood still for it. */
  readonly pauseMs: number;
  /** Bytes of files that this checkpoint is the first to name. */
  readonly newBytes: number;
  /** Bytes of all files it names: what a restore needs. */
  readonly totalBytes: number;
  /** Input records inside it. */
  readonly records: number;
}

export interface CheckpointFailure {
  readonly id: number;
  readonly durationMs: number;
  readonly error: StateError;
}

/** A file of a checkpoint that did not read back whole while the job ran. */
export interface DamageReport {
  /** The job's own checkpoint it was found in; undefined for one of another directory. */
  readonly checkpoint: number | undefined;
  /** Its name in shared/. */
  readonly file: string | undefined;
  readonly error: StateError;
}

/** Hears of checkpoints. What a listener throws is logged and changes nothing. */
export interface CheckpointListener {
  checkpointCompleted?(report: CheckpointReport): void;
  checkpointFailed?(failure: CheckpointFailure): void;
  damageFound?(report: DamageReport): void;
}

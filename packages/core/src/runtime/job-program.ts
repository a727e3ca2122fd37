import type { JobSettings } from "./job-options.js";
import type { JobRestore } from "./restore.js";
import type { Subtask } from "./subtask.js";

/** What the runtime needs to know of a job's dataflow: its operators, and how to open one life of it. */
export interface JobProgram {
  /** Names under which operators store state. */
  readonly operatorIds: ReadonlySet<string>;
  /** Names of sinks that cannot take back what a completed checkpoint made seen. */
  readonly sinksThatKeepEffects: readonly string[];
  /** Opens sinks, state and sources, restored where there is something to restore. Closes what it opened when it throws. */
  open(context: OpenContext): Promise<Subtask>;
}

export interface OpenContext {
  readonly job: string;
  readonly settings: JobSettings;
  readonly restore: JobRestore | undefined;
  /** The coordinator's generation; 0 for a job without checkpoints. */
  readonly generation: number;
  readonly signal: AbortSignal;
}

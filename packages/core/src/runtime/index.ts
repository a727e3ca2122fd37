export { JobExecution, type JobMetrics, type JobResult } from "./job-execution.js";
export type { OperatorMetrics } from "./subtask.js";
export { jobSettings, type JobOptions, type JobSettings } from "./job-options.js";
export type { JobProgram, OpenContext } from "./job-program.js";
export { Latch } from "./latch.js";
export type { JobRestore, RestoreReport } from "./restore.js";
export { type ForeignCheckpoint, type RestoreOptions, restoreSettings } from "./restore-options.js";
export { SourceTask } from "./source-task.js";
export { Subtask } from "./subtask.js";

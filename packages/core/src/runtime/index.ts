export { JobExecution, type JobMetrics, type JobResult } from "./job-execution.js";
export { jobSettings, type JobOptions, type JobSettings } from "./job-options.js";
export type { JobProgram, OpenContext } from "./job-program.js";
export { Latch } from "./latch.js";
export type { JobRestore } from "./restore.js";
export { SourceTask } from "./source-task.js";
export { Subtask } from "./subtask.js";

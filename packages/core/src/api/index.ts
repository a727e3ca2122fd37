export { DataStream, KeyedStream } from "./data-stream.js";
export { job, type Job, type JobEnvironment, type RunOptions } from "./job.js";

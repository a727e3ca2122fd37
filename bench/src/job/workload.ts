import type { JobEnvironment } from "@tidemark/core";
import type { RecordTimes } from "./timed-source.js";
import type { ResultDigest } from "./result-digest.js";

/** A job of the question, and what must come out of it. */
export interface Workload {
  /** Declares the job the way a user would write it, between a source that is timed and a sink that digests. */
  readonly declare: (env: JobEnvironment, times: RecordTimes, digest: ResultDigest) => void;
  /** The results by a plain program without a job, state or checkpoints. */
  readonly expected: () => Promise<ResultDigest>;
}

import type { JobExecution, JobResult } from "../runtime/index.js";

/**
 * Waits for a job. The first SIGINT or SIGTERM takes a last checkpoint and ends it; a second one ends the process at once, with
 * the exit code shells use for it.
 */
export async function stopOnSignals(execution: JobExecution): Promise<JobResult> {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(signal === "SIGINT" ? 130 : 143);
    isStopping = true;
    execution.stop().catch(() => undefined);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await execution.finished;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

/**
 * The process that runs the job and gets killed. Its first argument is a FlightsJobOptions object as JSON; it reports to its parent by
 * messages. SIGINT or SIGTERM takes a last checkpoint, then it ends with code 0.
 */
import { isStateError } from "@tidemark/core";
import { runFlightsJob } from "./job.js";
import type { FlightsJobOptions, JobMessage, RunFlightsJob } from "./job-contract.js";

const run: RunFlightsJob = runFlightsJob;
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort(new Error(signal)));
// Without the parent nobody wants the result, and a job that nobody sees must not run on.
process.on("disconnect", () => stop.abort(new Error("the parent process is gone")));

function report(message: JobMessage): void {
  if (process.connected) process.send?.(message);
}

/** Resolves once the parent has the message: process.exit() would drop what is still queued. */
function deliver(message: JobMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

try {
  await run(JSON.parse(process.argv[2] ?? "") as FlightsJobOptions, report, stop.signal);
  if (process.connected) process.disconnect();
} catch (error) {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${message}\n`);
  await deliver({
    type: "error",
    code: isStateError(error) ? error.code : "INTERNAL",
    message: error instanceof Error ? error.message : message,
  });
  process.exit(1);
}

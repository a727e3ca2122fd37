import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "./clock.js";
import { compareWithReference } from "./compare.js";
import type { BackendName, FlightsJobOptions } from "./job-contract.js";
import type { Progress } from "./progress.js";
import { computeReference, type Reference } from "./reference.js";
import type { Report, RunDetails } from "./result.js";
import { supervise, type SupervisorResult } from "./supervisor.js";

export interface QuickstartOptions {
  readonly backend: BackendName;
  readonly seed: number;
  readonly kills: number;
  readonly input: string;
  /** Only the first records of the input. */
  readonly records?: number;
  /** Gets the result, the report and, in a directory of its own that is emptied first, the job's checkpoints and working files. */
  readonly outputDirectory: string;
  /** The JavaScript file of the job's process. */
  readonly jobEntry: string;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** The plain single pass over the same records, when it is there already. */
  readonly reference?: Reference;
}

export interface QuickstartOutcome {
  readonly report: Report;
  readonly details: RunDetails;
}

/** Runs the job with its kills, then compares its result. Undefined when it was stopped before its end. Throws what the job throws. */
export async function runQuickstart(options: QuickstartOptions): Promise<QuickstartOutcome | undefined> {
  const { outputDirectory, input, records, progress } = options;
  const jobDirectory = join(outputDirectory, "tidemark-flights-job");
  const output = join(outputDirectory, "route-days.ndjson");
  await rm(jobDirectory, { recursive: true, force: true });
  await rm(output, { force: true });
  await mkdir(jobDirectory, { recursive: true });
  const job: FlightsJobOptions = {
    backend: options.backend,
    input,
    output,
    checkpointDirectory: join(jobDirectory, "checkpoints"),
    workingDirectory: join(jobDirectory, "working"),
    ...(records === undefined ? {} : { records }),
  };
  const run = await supervise({
    entry: options.jobEntry,
    args: [JSON.stringify(job)],
    seed: options.seed,
    kills: options.kills,
    clock: options.clock,
    onEvent: (event) => progress.take(event),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (run.done === undefined) return undefined;
  const onProgress = (done: number, total: number): void => progress.step("plain single pass", done, total);
  const reference = options.reference ?? (await computeReference({ input, onProgress, ...(records === undefined ? {} : { records }) }));
  return outcomeOf(options, run, run.done, reference, output);
}

async function outcomeOf(
  options: QuickstartOptions,
  run: SupervisorResult,
  done: NonNullable<SupervisorResult["done"]>,
  reference: Reference,
  output: string,
): Promise<QuickstartOutcome> {
  const comparison = await compareWithReference(output, reference);
  const differences = [...comparison.examples];
  if (done.records !== reference.records) differences.push(`records: ${done.records} instead of ${reference.records}`);
  if (done.duplicates !== reference.duplicates) differences.push(`duplicates: ${done.duplicates} instead of ${reference.duplicates}`);
  const { missing, unexpected, different } = comparison;
  if (!comparison.match) differences.unshift(`${missing} route-days missing, ${unexpected} unexpected, ${different} different`);
  const report: Report = {
    records: done.records,
    duplicates: done.duplicates,
    routeDays: comparison.routeDays,
    kills: run.kills,
    match: differences.length === 0,
    seed: options.seed,
    checkpoints: run.checkpoints.map(({ id, newBytes, totalBytes, durationMs }) => ({ id, newBytes, totalBytes, durationMs })),
  };
  const details: RunDetails = {
    backend: options.backend,
    restores: run.restores.length,
    failedCheckpoints: run.failedCheckpoints.length,
    mostDelayed: comparison.mostDelayed,
    differences,
  };
  return { report, details };
}

import { StateError } from "../errors/index.js";
import { checkPlan, explainPlan, type JobPlan, programOf } from "../graph/index.js";
import type { Source } from "../operators/index.js";
import { JobExecution, type JobOptions, type JobResult, jobSettings, type RestoreOptions, restoreSettings } from "../runtime/index.js";
import { DataStream } from "./data-stream.js";
import { PlanBuilder } from "./plan-builder.js";
import { stopOnSignals } from "./stop-on-signals.js";

/** What a job's build function starts from. */
export interface JobEnvironment {
  /** Adds an input. `name` tells its position apart in checkpoints. */
  source<T>(name: string, source: Source<T>): DataStream<T>;
}

export interface RunOptions {
  /** Aborting it takes a last checkpoint and ends the job. */
  readonly signal?: AbortSignal;
  /** For this start only, in place of the same fields of the job's `restore`. */
  readonly restore?: RestoreOptions;
}

/** A dataflow with its options, ready to run any number of times, once at a time. */
export interface Job {
  readonly name: string;
  /** The operators as an indented tree. */
  explain(): string;
  /**
   * Starts the job; it restores from its newest completed checkpoint by itself, or from what `restore` says. Throws
   * INVALID_CONFIGURATION for a wrong `restore`; everything else comes out of the execution's `finished`.
   */
  start(options?: RunOptions): JobExecution;
  /** start(), and SIGINT or SIGTERM take a last checkpoint and end the job. Resolves when it has ended. */
  run(options?: RunOptions): Promise<JobResult>;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Declares a job. `build` is called anew for each start, so that no state of one run leaks into the next.
 * @throws StateError INVALID_CONFIGURATION, INVALID_GRAPH
 * @example
 * const counts = job("word-count", (env) => {
 *   env.source("words", collectionSource(["a", "b", "a"]))
 *     .keyBy((word) => word, string())
 *     .process("count", (context) => {
 *       const count = context.getState(valueState("count", int64()));
 *       return { processElement: (word, collect) => { const n = (count.value() ?? 0) + 1; count.update(n); collect({ word, n }); } };
 *     })
 *     .sink("out", consoleSink());
 * }, { backend: memoryBackend() });
 * await counts.run();
 */
export function job(name: string, build: (env: JobEnvironment) => void, options: JobOptions): Job {
  if (typeof name !== "string" || !namePattern.test(name)) {
    throw new StateError(
      "INVALID_CONFIGURATION",
      `job name ${JSON.stringify(name)} is not allowed: use 1 to 64 letters, digits, ".", "_" or "-", first a letter or digit`,
    );
  }
  const settings = jobSettings(options);
  planOf(build);
  const start = (runOptions: RunOptions = {}): JobExecution => {
    const restore = restoreSettings({ ...options.restore, ...runOptions.restore });
    const execution = new JobExecution(name, programOf(planOf(build)), { ...settings, restore });
    const { signal } = runOptions;
    if (signal !== undefined) {
      const stop = (): void => void execution.stop().catch(() => undefined);
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
      void execution.finished.catch(() => undefined).then(() => signal.removeEventListener("abort", stop));
    }
    return execution;
  };
  return Object.freeze({
    name,
    explain: () => explainPlan(planOf(build)),
    start,
    run: (runOptions: RunOptions = {}) => stopOnSignals(start(runOptions)),
  });
}

function planOf(build: (env: JobEnvironment) => void): JobPlan {
  const builder = new PlanBuilder();
  build({
    source: <T>(name: string, source: Source<T>): DataStream<T> =>
      new DataStream(builder, builder.addSource({ kind: "source", id: name, source, downstream: [] })),
  });
  const plan = builder.build();
  checkPlan(plan);
  return plan;
}

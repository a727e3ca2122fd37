import { join } from "node:path";
import { type CheckpointConfig, type CheckpointListener, job, type Logger } from "@tidemark/core";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { describeBuild, ownSystem } from "../state/own-systems.js";
import { ResultDigest } from "./result-digest.js";
import { runningSum } from "./running-sum.js";
import { RecordTimes } from "./timed-source.js";
import { wordCount } from "./word-count.js";
import type { Workload } from "./workload.js";

const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs a whole job once, from its first record to its last, and compares all of its results. Throws WrongResultError. */
export async function measureJob(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const system = settings.text("system");
  const directory = settings.text("directory");
  const workload = workloadOf(settings);
  const times = new RecordTimes(nowMs);
  const digest = new ResultDigest();
  const taken = new TakenCheckpoints();
  emit({ build: describeBuild(system) });
  const checkpoint = checkpointOf(settings, directory);
  const result = await job("bench", (env) => workload.declare(env, times, digest), {
    backend: ownSystem(system).backend(join(directory, "working")),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    listeners: [taken],
    logger: quiet,
  }).start().finished;
  requireEqual(digest, await workload.expected());
  if (checkpoint !== undefined) taken.require(times.durationMs, settings.number("checkpointIntervalMs"));
  emit({ inputs: result.records, results: digest.count, durationMs: times.durationMs, checkpoints: taken.periodic, digest: digest.sum });
  emit({ checked: digest.count });
}

function workloadOf(settings: Settings): Workload {
  const name = settings.text("case").split("-")[0];
  switch (name) {
    case "sum":
      return runningSum({ records: settings.number("records"), keyCount: settings.number("keys"), seed: settings.number("seed") });
    case "words":
      return wordCount(settings.text("textFile"));
    default:
      throw new Error(`unknown case: ${settings.text("case")}`);
  }
}

function checkpointOf(settings: Settings, directory: string): CheckpointConfig | undefined {
  if (!settings.text("case").endsWith("-checkpointed")) return undefined;
  return { directory: join(directory, "checkpoints"), interval: settings.number("checkpointIntervalMs"), retain: 1 };
}

/** Throws WrongResultError unless a job gave the results that it must give. */
export function requireEqual(found: ResultDigest, expected: ResultDigest): void {
  if (expected.count > 0 && found.count === expected.count && found.sum === expected.sum) return;
  throw new WrongResultError(
    `the job gave ${found.count} results with the digest ${found.sum}; it must give ${expected.count} with the digest ${expected.sum}`,
  );
}

/** The checkpoints of a run, of which none may fail. */
export class TakenCheckpoints implements CheckpointListener {
  /** Completed ones, but for that at the end of the input. */
  periodic = 0;
  #failure: unknown;

  checkpointCompleted({ kind }: { readonly kind: string }): void {
    if (kind === "checkpoint") this.periodic += 1;
  }

  checkpointFailed({ error }: { readonly error: unknown }): void {
    this.#failure ??= error;
  }

  /** Throws when there was time for a checkpoint, and none was completed. */
  require(durationMs: number, intervalMs: number): void {
    if (this.#failure !== undefined) throw new Error("a checkpoint failed", { cause: this.#failure });
    if (this.periodic === 0 && durationMs > 3 * intervalMs) {
      throw new WrongResultError(`no checkpoint was completed in ${Math.round(durationMs)} ms, and one was due every ${intervalMs} ms`);
    }
  }
}

import { fork, type ChildProcess } from "node:child_process";
import { errorCodes, StateError, type ErrorCode } from "@tidemark/core";
import type { Clock } from "./clock.js";
import type { CheckpointMessage, DoneMessage, JobMessage } from "./job-contract.js";
import { killShares } from "./seeded-random.js";

export interface SupervisorOptions {
  /** The JavaScript file of the job's process. */
  readonly entry: string;
  /** Its arguments. */
  readonly args: readonly string[];
  readonly seed: number;
  /** How often to kill the job; each time it is started again. */
  readonly kills: number;
  readonly clock: Clock;
  /** How long the job may say nothing before it counts as stuck; default 2 minutes. */
  readonly stallMs?: number;
  /** Gets every message, and "killed" and "started" from here. */
  readonly onEvent?: (event: SupervisorEvent) => void;
  /** Stops the job: it gets SIGTERM and time for a last checkpoint. */
  readonly signal?: AbortSignal;
}

export type SupervisorEvent =
  | JobMessage
  | { readonly type: "started"; readonly life: number }
  | { readonly type: "killed"; readonly life: number };

export interface SupervisorResult {
  /** Absent when the job was stopped before its end. */
  readonly done?: DoneMessage;
  readonly kills: number;
  /** Ids of the checkpoints that were restored. */
  readonly restores: readonly number[];
  /** Completed checkpoints of all lives, in order. */
  readonly checkpoints: readonly CheckpointMessage[];
  readonly failedCheckpoints: readonly CheckpointMessage[];
}

/**
 * Runs the job in a process of its own, kills it with SIGKILL as planned by the seed - each time after at least one checkpoint of that
 * life - and starts it again until it is done. Throws the job's own error when it fails, INTERNAL with the end of its output when it
 * dies without one, says nothing for too long, or ends before it could be killed.
 */
export async function supervise(options: SupervisorOptions): Promise<SupervisorResult> {
  const shares = killShares(options.seed, options.kills);
  const record: LifeRecord = { restores: [], checkpoints: [], failedCheckpoints: [] };
  let kills = 0;
  for (let life = 1; ; life++) {
    options.onEvent?.({ type: "started", life });
    const outcome = await new Life(options, shares[kills], record).end;
    if (outcome.type === "killed") {
      kills++;
      options.onEvent?.({ type: "killed", life });
      continue;
    }
    if (outcome.type === "stopped") return { ...record, kills };
    if (kills < options.kills) {
      throw new StateError(
        "INVALID_CONFIGURATION",
        `The job was done before kill ${kills + 1} of ${options.kills}: ` +
          "it completed too few checkpoints; give it more records or fewer kills",
      );
    }
    return { ...record, kills, done: outcome.done };
  }
}

interface LifeRecord {
  readonly restores: number[];
  readonly checkpoints: CheckpointMessage[];
  readonly failedCheckpoints: CheckpointMessage[];
}

type Outcome = { readonly type: "killed" } | { readonly type: "stopped" } | { readonly type: "done"; readonly done: DoneMessage };

const keptOutputCharacters = 16_384;

/** One process of the job, from its start to its exit. */
class Life {
  readonly end: Promise<Outcome>;
  readonly #options: SupervisorOptions;
  readonly #killShare: number | undefined;
  readonly #record: LifeRecord;
  readonly #child: ChildProcess;
  #hasCheckpoint = false;
  #share = 0;
  #done: DoneMessage | undefined;
  #failure: Error | undefined;
  #isKilled = false;
  #output = "";
  #cancelStall: () => void = () => {};

  constructor(options: SupervisorOptions, killShare: number | undefined, record: LifeRecord) {
    this.#options = options;
    this.#killShare = killShare;
    this.#record = record;
    this.#child = fork(options.entry, [...options.args], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-keptOutputCharacters);
      });
    }
    this.#child.on("message", (message) => this.#take(message as JobMessage));
    this.end = this.#run();
  }

  async #run(): Promise<Outcome> {
    const { signal } = this.#options;
    const stop = (): void => void this.#child.kill("SIGTERM");
    // "close" comes after the exit and after all output and messages were read.
    const closed = new Promise<string>((resolve) => {
      this.#child.once("error", (error) => resolve(`it could not be started: ${error.message}`));
      this.#child.once("close", (code, by) => resolve(by === null ? `it ended with code ${String(code)}` : `it was ended by ${by}`));
    });
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    this.#watch();
    try {
      return this.#judge(await closed);
    } finally {
      this.#cancelStall();
      signal?.removeEventListener("abort", stop);
    }
  }

  #judge(how: string): Outcome {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isKilled) return { type: "killed" };
    const hasFinished = how === "it ended with code 0";
    if (hasFinished && this.#done !== undefined) return { type: "done", done: this.#done };
    if (this.#options.signal?.aborted === true) return { type: "stopped" };
    throw this.#died(`The job's process stopped by itself: ${how}`);
  }

  #take(message: JobMessage): void {
    this.#watch();
    this.#options.onEvent?.(message);
    if (message.type === "checkpoint" && message.failed === undefined) {
      this.#record.checkpoints.push(message);
      this.#hasCheckpoint = true;
    } else if (message.type === "checkpoint") this.#record.failedCheckpoints.push(message);
    else if (message.type === "restored") this.#record.restores.push(message.checkpoint);
    else if (message.type === "progress") this.#share = message.records / Math.max(1, message.total);
    else if (message.type === "error") this.#failure = jobError(message.code, message.message);
    else this.#done = message;
    const isDue = this.#killShare !== undefined && this.#hasCheckpoint && this.#share >= this.#killShare && this.#share < 1;
    if (isDue && this.#done === undefined && !this.#isKilled) {
      this.#isKilled = true;
      this.#child.kill("SIGKILL");
    }
  }

  /** Starts the wait for the next sign of life anew. */
  #watch(): void {
    const { clock, stallMs = 120_000 } = this.#options;
    this.#cancelStall();
    this.#cancelStall = clock.after(stallMs, () => {
      this.#failure ??= this.#died(`The job's process said nothing for ${Math.round(stallMs / 1000)} s and was ended`);
      this.#child.kill("SIGKILL");
    });
  }

  #died(what: string): StateError {
    const output = this.#output.trim();
    return new StateError("INTERNAL", `${what}. ${output === "" ? "It printed nothing" : `The end of its output:\n${output}`}`);
  }
}

function jobError(code: string, message: string): StateError {
  return new StateError(Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "INTERNAL", message);
}

import { bytes, int64, job, type CheckpointReport, type Job, type JobExecution, type StateBackend, valueState } from "@tidemark/core";
import { type FileSystem, NodeFileSystem } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import { join } from "node:path";
import { WrongResultError } from "../question.js";
import { SeparateFileSystem } from "../state/separate-file-system.js";
import { BarrierWatch } from "./barrier-watch.js";
import { GapRecorder } from "./gap-recorder.js";
import { RecordFeed } from "./record-feed.js";
import { isRecordValue, recordValue } from "./record-value.js";

export const keyBytes = 8;
const day = "1d";
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface JobSetting {
  readonly backend: (directory: string) => StateBackend;
  readonly directory: string;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly seed: number;
  /** Whether checkpoints count as being on another disk, so that their files are copied. */
  readonly isCopied: boolean;
  readonly nowMs: () => number;
  readonly nextTurn: () => Promise<void>;
}

type Mode = "load" | "update" | "read" | "check";

/** A checkpoint as its job saw it. */
export interface TakenCheckpoint {
  readonly report: CheckpointReport;
  /** From asking for it until it was announced. */
  readonly durationMs: number;
  readonly pauseMs: number;
  /** Key and value bytes of the distinct keys changed between the barrier before and its own. */
  readonly changedBytes: number;
}

/**
 * A job that keeps one value a key, with a model beside it: what each key must hold. Its records are steered from outside, and it takes
 * checkpoints only when asked.
 */
export class CheckpointedJob {
  readonly feed: RecordFeed;
  readonly gaps = new GapRecorder();
  readonly checkpointDirectory: string;
  readonly workingDirectory: string;
  readonly #setting: JobSetting;
  readonly #job: Job;
  readonly #watch: BarrierWatch;
  readonly #random: SeededRandom;
  readonly #expected: Uint8Array;
  /** How often each key was changed; the model of what it holds. */
  readonly #versions: Uint32Array;
  /** Barriers before a key's last change, plus one. */
  readonly #changedIn: Uint32Array;
  #barriers = 1;
  #changed = 0;
  #changedAtBarrier = 0;
  #mode: Mode = "load";
  #nextKey = 0;
  #checked = 0;
  #wrong: string | undefined;
  #firstRecordMs = Number.NaN;
  #execution: JobExecution | undefined;

  constructor(setting: JobSetting) {
    const { directory, keyCount, seed, nowMs, nextTurn } = setting;
    this.#setting = setting;
    this.feed = new RecordFeed(nowMs, nextTurn);
    this.checkpointDirectory = join(directory, "checkpoints");
    this.workingDirectory = join(directory, "working");
    this.#random = new SeededRandom(seed);
    this.#expected = new Uint8Array(setting.valueBytes);
    this.#versions = new Uint32Array(keyCount);
    this.#changedIn = new Uint32Array(keyCount);
    this.#watch = new BarrierWatch(nowMs, () => {
      this.#changedAtBarrier = this.#changed;
      this.#changed = 0;
      this.#barriers += 1;
    });
    this.#job = this.#declare();
  }

  /** Key and value bytes of all keys. */
  get stateBytes(): number {
    return this.#setting.keyCount * this.#bytesPerKey;
  }

  get #bytesPerKey(): number {
    return keyBytes + this.#setting.valueBytes;
  }

  /** Starts the job, restored from the last checkpoint if there is one. */
  start(): void {
    this.#firstRecordMs = Number.NaN;
    this.feed.restart();
    this.#execution = this.#job.start();
  }

  /** Writes every key once. */
  async load(): Promise<void> {
    this.#mode = "load";
    this.#nextKey = 0;
    await this.whileRunning(this.feed.burst(this.#setting.keyCount, () => this.#nextKey++));
  }

  /** Changes uniformly random keys, as fast as the job takes them. */
  async update(count: number): Promise<void> {
    this.#mode = "update";
    await this.whileRunning(this.feed.burst(count, this.#randomKey));
  }

  /** Reads uniformly random keys, as fast as the job takes them, without a look at the values. */
  async read(count: number): Promise<void> {
    this.#mode = "read";
    await this.whileRunning(this.feed.burst(count, this.#randomKey));
  }

  /** From here on changes uniformly random keys at a pace, until feed.hold(). */
  paceUpdates(recordsPerSecond: number): void {
    this.#mode = "update";
    this.feed.pace(recordsPerSecond, this.#randomKey);
  }

  async checkpoint(): Promise<TakenCheckpoint> {
    const { nowMs } = this.#setting;
    const startMs = nowMs();
    const report = await this.#running().triggerCheckpoint();
    return {
      report,
      durationMs: nowMs() - startMs,
      pauseMs: this.#watch.lastPauseMs,
      changedBytes: this.#changedAtBarrier * this.#bytesPerKey,
    };
  }

  /** Restores in this process. Milliseconds from the call until one record was processed, which read its key and found the right value. */
  async restore(): Promise<number> {
    this.#mode = "check";
    this.#nextKey = this.#random.below(this.#setting.keyCount);
    const startMs = this.#setting.nowMs();
    this.start();
    await this.whileRunning(this.feed.burst(1, () => this.#nextKey));
    this.#requireRight();
    return this.#firstRecordMs - startMs;
  }

  /** Reads up to `count` keys, evenly spread, and compares them with the model. Throws WrongResultError. Returns how many were read. */
  async check(count: number): Promise<number> {
    const { keyCount } = this.#setting;
    const checks = Math.min(count, keyCount);
    this.#mode = "check";
    this.#checked = 0;
    let index = 0;
    await this.whileRunning(this.feed.burst(checks, () => Math.floor((index++ * keyCount) / checks)));
    this.#requireRight();
    if (this.#checked !== checks) throw new WrongResultError(`only ${this.#checked} of ${checks} keys were read`);
    return this.#checked;
  }

  /** Ends the job as a crash would: without a last checkpoint. */
  async crash(): Promise<void> {
    const crash = new Error("the benchmark ends this life of its job");
    const execution = this.#running();
    this.#execution = undefined;
    this.feed.crash(crash);
    await execution.finished.then(
      () => {
        throw new Error("the job ended by itself");
      },
      (error: unknown) => {
        if (error !== crash) throw error;
      },
    );
  }

  /** Releases what a job that failed half-way may still hold. */
  async dispose(): Promise<void> {
    if (this.#execution !== undefined) await this.crash().catch(() => undefined);
  }

  /** Waits, but not longer than the job runs: rejects with what made it fail. */
  async whileRunning<T>(promise: Promise<T>): Promise<T> {
    const ended = this.#running().finished.then(() => {
      throw new Error("the job ended by itself");
    });
    return await Promise.race([promise, ended]);
  }

  readonly #randomKey = (): number => this.#random.below(this.#setting.keyCount);

  #running(): JobExecution {
    if (this.#execution === undefined) throw new Error("the job is not running");
    return this.#execution;
  }

  #requireRight(): void {
    if (this.#wrong !== undefined) throw new WrongResultError(this.#wrong);
  }

  #declare(): Job {
    const { backend, isCopied, nowMs } = this.#setting;
    const fileSystem: FileSystem = isCopied ? new SeparateFileSystem(this.checkpointDirectory) : new NodeFileSystem();
    return job(
      "bench",
      (env) => {
        env
          .source("records", this.feed.source)
          .keyBy((key) => key, int64())
          .process<never>("values", (context) => {
            const values = context.getState(valueState("value", bytes()));
            return {
              processElement: (key) => {
                this.#process(key, values);
                const processedMs = nowMs();
                if (Number.isNaN(this.#firstRecordMs)) this.#firstRecordMs = processedMs;
                this.gaps.record(processedMs);
              },
            };
          })
          .sink("nothing", nothing);
      },
      {
        backend: this.#watch.watch(backend(this.workingDirectory)),
        checkpoint: { directory: this.checkpointDirectory, interval: day, timeout: day, retain: 1 },
        fileSystem,
        logger: quiet,
      },
    );
  }

  #process(key: number, values: { value(): Uint8Array | null | undefined; update(value: Uint8Array): void }): void {
    const { valueBytes } = this.#setting;
    if (this.#mode === "read") {
      if (values.value()?.length !== valueBytes) this.#wrong ??= `key ${key} has no value of ${valueBytes} bytes`;
      return;
    }
    if (this.#mode === "check") {
      const version = this.#versions[key] as number;
      if (isRecordValue(values.value(), key, version, this.#expected)) this.#checked += 1;
      else this.#wrong ??= `key ${key} does not hold its value of version ${version}`;
      return;
    }
    let version = 0;
    if (this.#mode === "update") {
      version = (this.#versions[key] as number) + 1;
      this.#versions[key] = version;
    }
    if (this.#changedIn[key] !== this.#barriers) {
      this.#changedIn[key] = this.#barriers;
      this.#changed += 1;
    }
    // A new array each time, as on Flink's side: backends that keep objects keep this one.
    values.update(recordValue(key, version, valueBytes));
  }
}

const nothing = {
  description: "nothing",
  open: async () => ({
    write: () => undefined,
    drain: () => undefined,
    snapshot: async () => null,
    notifyCheckpointComplete: async () => undefined,
    finish: async () => undefined,
    close: async () => undefined,
  }),
};

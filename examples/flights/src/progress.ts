import { SingleBar, type Options } from "cli-progress";
import type { Clock } from "./clock.js";
import { formatBytes, formatCount } from "./format.js";
import type { SupervisorEvent } from "./supervisor.js";

export interface Progress {
  /** Shows what happened. */
  take(event: SupervisorEvent): void;
  /** Shows how far another step is, such as the comparison. */
  step(name: string, records: number, total: number): void;
  stop(): void;
}

export interface ProgressOptions {
  readonly stream: NodeJS.WritableStream;
  readonly isTerminal: boolean;
  readonly clock: Clock;
  /** Between two plain lines; default 5 seconds. */
  readonly lineEveryMs?: number;
}

/** A bar on a terminal; otherwise a line every few seconds. Kills, restores and failed checkpoints are lines on both. */
export function createProgress(options: ProgressOptions): Progress {
  return options.isTerminal ? new ProgressBar(options) : new ProgressLines(options);
}

/** Shows nothing. */
export const noProgress: Progress = { take: () => {}, step: () => {}, stop: () => {} };

/** Puts together what is shown: speed over the last seconds, state, last checkpoint. */
class Figures {
  records = 0;
  total = 0;
  readonly #clock: Clock;
  #state = "";
  #checkpoint = "no checkpoint yet";
  #samples: { readonly atMs: number; readonly records: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(event: SupervisorEvent): void {
    if (event.type === "started") this.#samples = [];
    if (event.type === "checkpoint" && event.failed === undefined) {
      this.#checkpoint = `checkpoint ${event.id}: ${formatBytes(event.newBytes)} new of ${formatBytes(event.totalBytes)}`;
    }
    if (event.type !== "progress") return;
    this.records = event.records;
    this.total = event.total;
    this.#state = `state ${formatBytes(event.stateBytes)}`;
    const atMs = this.#clock.nowMs();
    this.#samples = [...this.#samples.filter((sample) => atMs - sample.atMs < 5_000), { atMs, records: event.records }];
  }

  text(): string {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const elapsedMs = first === undefined || last === undefined ? 0 : last.atMs - first.atMs;
    const rate =
      first === undefined || last === undefined || elapsedMs <= 0 ? undefined : ((last.records - first.records) * 1000) / elapsedMs;
    return [rate === undefined ? "" : `${formatCount(rate)} records/s`, this.#state, this.#checkpoint]
      .filter((part) => part !== "")
      .join(" | ");
  }
}

/** A line for what should stay readable, or undefined. */
function notice(event: SupervisorEvent): string | undefined {
  if (event.type === "killed") return `killed process ${event.life} with SIGKILL`;
  if (event.type === "restored") return `restored checkpoint ${event.checkpoint}`;
  if (event.type === "checkpoint" && event.failed !== undefined) return `checkpoint ${event.id} was given up: ${event.failed}`;
  return undefined;
}

class ProgressLines implements Progress {
  readonly #options: ProgressOptions;
  readonly #figures: Figures;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#figures = new Figures(options.clock);
  }

  take(event: SupervisorEvent): void {
    this.#figures.take(event);
    const line = notice(event);
    if (line !== undefined) this.#options.stream.write(`${line}\n`);
    if (event.type !== "progress") return;
    this.#line(`${formatCount(this.#figures.records)} of ${formatCount(this.#figures.total)} records | ${this.#figures.text()}`);
  }

  step(name: string, records: number, total: number): void {
    this.#line(`${name}: ${formatCount(records)} of ${formatCount(total)} records`);
  }

  stop(): void {}

  #line(text: string): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#lastLineMs < (this.#options.lineEveryMs ?? 5_000)) return;
    this.#lastLineMs = nowMs;
    this.#options.stream.write(`${text}\n`);
  }
}

class ProgressBar implements Progress {
  readonly #options: ProgressOptions;
  readonly #figures: Figures;
  #bar: SingleBar | undefined;
  #name = "";

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#figures = new Figures(options.clock);
  }

  take(event: SupervisorEvent): void {
    this.#figures.take(event);
    const line = notice(event);
    if (line !== undefined) {
      this.stop();
      this.#options.stream.write(`${line}\n`);
    }
    if (event.type === "progress") this.#show("job", event.records, event.total, this.#figures.text());
  }

  step(name: string, records: number, total: number): void {
    this.#show(name, records, total, `${formatCount(records)} records`);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #show(name: string, records: number, total: number, text: string): void {
    if (name !== this.#name) this.stop();
    this.#name = name;
    if (this.#bar === undefined) {
      const format = "{name} [{bar}] {percentage}% | {text}";
      const bar: Options = { stream: this.#options.stream, format, hideCursor: true, clearOnComplete: false, barsize: 24, linewrap: false };
      this.#bar = new SingleBar(bar);
      this.#bar.start(total, records, { name, text });
    } else this.#bar.update(records, { name, text });
  }
}

import { formatDuration, formatValue } from "../output/format.js";
import type { Step } from "./plan.js";

/** Shows how far a question is. */
export interface Progress {
  start(steps: number): void;
  begin(step: Step): void;
  end(step: Step, values: readonly ShownValue[]): void;
}

export interface ShownValue {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Shows nothing. */
export const noProgress: Progress = { start: () => {}, begin: () => {}, end: () => {} };

/** A line for each process that ended, with the time the rest will take. */
export class LineProgress implements Progress {
  readonly #write: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #durations = new Durations();
  #steps = 0;
  #done = 0;
  #beganMs = 0;

  constructor(write: (line: string) => void, nowMs: () => number) {
    this.#write = write;
    this.#nowMs = nowMs;
  }

  start(steps: number): void {
    this.#steps = steps;
    this.#done = 0;
    this.#write(`${steps} ${steps === 1 ? "process" : "processes"} to run, one after the other`);
  }

  begin(): void {
    this.#beganMs = this.#nowMs();
  }

  end(step: Step, values: readonly ShownValue[]): void {
    this.#done += 1;
    this.#durations.add(step.system, this.#nowMs() - this.#beganMs);
    const count = `${String(this.#done).padStart(String(this.#steps).length)}/${this.#steps}`;
    const shown = values.map(({ name, value, unit }) => `${name} ${formatValue(value)} ${unit}`).join(", ");
    const left = this.#steps - this.#done;
    const remaining = left === 0 ? "" : `; about ${formatDuration(this.#durations.mean * left)} left`;
    this.#write(`${count}  ${step.system} run ${step.run}: ${shown}${remaining}`);
  }
}

/** Mean duration of a process, every system counted alike: those that had one more turn do not count more. */
class Durations {
  readonly #bySystem = new Map<string, { sumMs: number; count: number }>();

  add(system: string, durationMs: number): void {
    const entry = this.#bySystem.get(system) ?? { sumMs: 0, count: 0 };
    entry.sumMs += durationMs;
    entry.count += 1;
    this.#bySystem.set(system, entry);
  }

  get mean(): number {
    const means = [...this.#bySystem.values()].map(({ sumMs, count }) => sumMs / count);
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  }
}

import type { Question } from "../question.js";
import { planSteps, selectCases, type Step, systemsOf } from "../runner/plan.js";
import type { ReadyPart } from "./parts.js";

/** A process of a part. */
export interface PartStep extends Step {
  readonly question: string;
}

/** Seconds that one process takes at the question's standard size on two cores; of the first line whose names fit. Rough. */
const writtenDown: readonly (readonly [question: string, measurement: RegExp, system: RegExp, seconds: number])[] = [
  ["state-ops", /-20x$/u, /./u, 75],
  ["state-ops", /-5pct$/u, /./u, 60],
  ["state-ops", /^map/u, /^rocksdb$/u, 25],
  ["state-ops", /^map/u, /^memory$/u, 30],
  ["state-ops", /^map/u, /^flink-rocksdb$/u, 60],
  ["state-ops", /Get/u, /./u, 15],
  ["state-ops", /./u, /^flink-hashmap$/u, 27],
  ["state-ops", /./u, /./u, 21],
  ["checkpoint", /^300/u, /./u, 600],
  ["checkpoint", /^full/u, /./u, 300],
  ["checkpoint", /./u, /./u, 235],
  ["latency", /./u, /./u, 240],
  ["restore", /./u, /^cp$/u, 50],
  ["restore", /./u, /./u, 100],
  ["rescale", /./u, /./u, 120],
  ["memory", /./u, /./u, 300],
  ["index-memory", /./u, /./u, 120],
  ["state-latency", /./u, /./u, 40],
  ["state-limits", /./u, /./u, 60],
  ["job", /./u, /^flink-rocksdb$/u, 70],
  ["job", /./u, /./u, 25],
  ["node-peers", /./u, /slatedb/u, 600],
  ["node-peers", /./u, /./u, 20],
];

/** For a question that nobody wrote anything down for. */
const unknownSeconds = 30;
const quickMs = 3_000;

/** Every process of a part in the order in which they run. */
export function stepsOf({ question, cases, runs }: ReadyPart, systems: readonly string[]): PartStep[] {
  return planSteps(selectCases(question, cases), systems, runs).map((step) => ({ ...step, question: question.name }));
}

/** Systems of a part that can be asked about one of its cases at all. */
export function askedSystems({ question, cases }: ReadyPart, systems: readonly string[]): string[] {
  const measurements = selectCases(question, cases);
  return systems.filter((system) => measurements.some((measurement) => systemsOf(measurement, [system]).length > 0));
}

/** How long processes take: as measured where that happened, elsewhere as written down, times what that was wrong by so far. */
export class Durations {
  readonly #measured = new Map<string, { sumMs: number; count: number }>();
  #measuredMs = 0;
  #expectedMs = 0;

  add(step: PartStep, size: Size, durationMs: number): void {
    const entry = this.#measured.get(keyOf(step, size)) ?? { sumMs: 0, count: 0 };
    this.#measured.set(keyOf(step, size), { sumMs: entry.sumMs + durationMs, count: entry.count + 1 });
    this.#measuredMs += durationMs;
    this.#expectedMs += expectedMs(step, size);
  }

  /** Milliseconds that a process will take. */
  of(step: PartStep, size: Size): number {
    const measured = this.#measured.get(keyOf(step, size));
    if (measured !== undefined) return measured.sumMs / measured.count;
    return expectedMs(step, size) * (this.#expectedMs === 0 ? 1 : this.#measuredMs / this.#expectedMs);
  }
}

/** The size of a state, beside the standard one of its question. */
export interface Size {
  readonly size: number;
  readonly question: Question;
  readonly isQuick: boolean;
}

function expectedMs({ question, measurement, system }: PartStep, { size, question: { size: sizes }, isQuick }: Size): number {
  if (isQuick) return quickMs;
  const line = writtenDown.find(
    ([name, measurements, systems]) => name === question && measurements.test(measurement.name) && systems.test(system),
  );
  return (line?.[3] ?? unknownSeconds) * 1_000 * (size / sizes.standard);
}

function keyOf({ question, measurement, system }: PartStep, { size }: Size): string {
  return [question, measurement.name, system, size].join("\0");
}

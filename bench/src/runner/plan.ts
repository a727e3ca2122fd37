import type { Figure, Measurement, Question } from "../question.js";

/** One process to run. */
export interface Step {
  readonly measurement: Measurement;
  readonly system: string;
  /** From 1. */
  readonly run: number;
}

/**
 * Every process of a question in the order in which they run: systems alternate within a measurement (A B A B), and a whole round is
 * done before the next begins, so that whatever else the machine does meets all of them alike.
 */
export function planSteps(measurements: readonly Measurement[], systems: readonly string[], runs: number): Step[] {
  return Array.from({ length: runs }, (_, index) => index + 1).flatMap((run) =>
    measurements.flatMap((measurement) => systemsOf(measurement, systems).map((system) => ({ measurement, system, run }))),
  );
}

/** Those of `systems` that a measurement can be asked of. */
export function systemsOf(measurement: Measurement, systems: readonly string[]): readonly string[] {
  return systems.filter((system) => measurement.systems?.includes(system) ?? true);
}

/** The names of all cases of a question. */
export function casesOf({ measurements }: Question): string[] {
  return measurements.flatMap(({ figures }) => figures.map(({ name }) => name));
}

/** Most bytes that a process for one of these cases keeps on disk. */
export function neededBytes(question: Question, cases: readonly string[] | undefined, size: number): number {
  const needs = [question, ...selectCases(question, cases)].map((needing) => needing.diskBytes?.(size) ?? 0);
  return Math.max(...needs);
}

/** The measurements that have the cases asked for, with only their figures. Throws RangeError for a case that there is not. */
export function selectCases(question: Question, cases: readonly string[] | undefined): Measurement[] {
  if (cases === undefined) return [...question.measurements];
  const known = casesOf(question);
  const unknown = cases.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RangeError(`${question.name} has no case "${unknown}"; it has ${known.join(", ")}`);
  const isWanted = ({ name }: Figure): boolean => cases.includes(name);
  return question.measurements
    .map((measurement) => ({ ...measurement, figures: measurement.figures.filter(isWanted) }))
    .filter(({ figures }) => figures.length > 0);
}

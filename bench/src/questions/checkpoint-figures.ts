import { type Figure, numberIn, type ResultLine } from "../question.js";
import { median, percentile } from "../statistics.js";

/** Figures of a run of checkpoints. Each takes the suffix of its variant. */
export const checkpointFigures = {
  /** Each p99 is over the barriers of all runs. */
  pause: (suffix = ""): Figure[] => [
    ofRounds(`pause-p50${suffix}`, "ms", "pauseMs", median),
    pooled(`pause-p99${suffix}`, "pauseMs", 0.99),
    pooled(`pause-p99-idle${suffix}`, "idlePauseMs", 0.99),
    ofRounds(`pause-max${suffix}`, "ms", "pauseMs", largest),
    ofRounds(`pause-max-idle${suffix}`, "ms", "idlePauseMs", largest),
    single(`first-pause${suffix}`, "ms", "firstPauseMs"),
  ],
  duration: (suffix = ""): Figure[] => [ofRounds(`duration-p50${suffix}`, "ms", "durationMs", median)],
  gap: (suffix = ""): Figure[] => [
    ofRounds(`gap-p50${suffix}`, "ms", "gapMs", median),
    ofRounds(`gap-max${suffix}`, "ms", "gapMs", largest),
    ofRounds(`gap-max-idle${suffix}`, "ms", "idleGapMs", largest),
    single(`gap-p999${suffix}`, "ms", "gapP999Ms"),
    single(`gap-p999-idle${suffix}`, "ms", "idleGapP999Ms"),
  ],
  bytes: (suffix = ""): Figure[] => [
    {
      name: `uploaded-over-changed${suffix}`,
      unit: "ratio",
      valueOf: (lines) => sum(valuesOf(lines, "uploadedBytes")) / sum(valuesOf(lines, "changedBytes")),
    },
    {
      name: `uploaded-mean${suffix}`,
      unit: "bytes",
      valueOf: (lines) => sum(valuesOf(lines, "uploadedBytes")) / valuesOf(lines, "uploadedBytes").length,
    },
    {
      name: `peak-over-median${suffix}`,
      unit: "ratio",
      valueOf: (lines) => largest(valuesOf(lines, "uploadedBytes")) / median(valuesOf(lines, "uploadedBytes")),
    },
    {
      name: `restore-over-state${suffix}`,
      unit: "ratio",
      valueOf: (lines) => largest(valuesOf(lines, "restoreBytes")) / valueOf(lines, "stateBytes"),
    },
  ],
  first: (suffix = ""): Figure[] => [single(`first-uploaded${suffix}`, "bytes", "firstUploadedBytes")],
};

/** The only value of a field. */
export function single(name: string, unit: string, field: string): Figure {
  return { name, unit, valueOf: (lines) => valueOf(lines, field) };
}

/** One value of all values of a field. */
export function ofRounds(name: string, unit: string, field: string, of: (values: readonly number[]) => number): Figure {
  return { name, unit, valueOf: (lines) => of(valuesOf(lines, field)) };
}

/** A percentile in milliseconds over the values of all runs together. */
export function pooled(name: string, field: string, fraction: number): Figure {
  return {
    name,
    unit: "ms",
    valueOf: (lines) => percentile(valuesOf(lines, field), fraction),
    pooled: (runs) => percentile(runs.flatMap((lines) => valuesOf(lines, field)), fraction),
  };
}

export function largest(values: readonly number[]): number {
  return percentile(values, 1);
}

/** Values of the lines that have the field. Throws when none has. */
function valuesOf(lines: readonly ResultLine[], field: string): number[] {
  const values = lines.filter((line) => field in line).map((line) => numberIn(line, field));
  if (values.length === 0) throw new Error(`a measuring process printed no "${field}"`);
  return values;
}

function valueOf(lines: readonly ResultLine[], field: string): number {
  const values = valuesOf(lines, field);
  if (values.length !== 1) throw new Error(`a measuring process printed "${field}" ${values.length} times`);
  return values[0] as number;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import { median } from "./statistics.js";

/** One figure, as written to --json FILE: exactly one for each (case, system, size). */
export interface Row {
  readonly question: string;
  readonly case: string;
  readonly system: string;
  /** Median of the runs; a percentile is over the measurements of all runs together. */
  readonly value: number;
  readonly unit: string;
  readonly size: string;
  readonly spread: { readonly min: number; readonly max: number; readonly runs: number };
  readonly params: Parameters;
  /** Versions of what was measured, such as the RocksDB build. */
  readonly build: string;
  readonly machine: string;
  readonly commit: string;
}

export type Parameters = Readonly<Record<string, string | number | boolean>>;

/** What was measured of one (case, system) in all runs. */
export interface Series extends Omit<Row, "value" | "spread"> {
  readonly values: readonly number[];
  /** The value of the row where it is not the median of the runs. */
  readonly pooled?: number;
}

/** The row of a series. Throws RangeError when a value is missing or no number: such a figure must not be written. */
export function rowOf(series: Series): Row {
  const { values, pooled, question, case: name, system, unit, size, params, build, machine, commit } = series;
  if (values.length === 0 || !values.every(Number.isFinite) || !Number.isFinite(pooled ?? 0)) {
    throw new RangeError(`${name} on ${system} has no usable value: ${JSON.stringify(values)}`);
  }
  return {
    question,
    case: name,
    system,
    value: rounded(pooled ?? median(values)),
    unit,
    size,
    spread: { min: rounded(Math.min(...values)), max: rounded(Math.max(...values)), runs: values.length },
    params,
    build,
    machine,
    commit,
  };
}

/** Four digits are more than any of these figures deserve. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

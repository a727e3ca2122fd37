import type { Parameters } from "./row.js";
import type { SizeKind } from "./size.js";

/** One thing to find out; a file in questions/ each. */
export interface Question {
  readonly name: string;
  /** One line for `bench -- list`. */
  readonly summary: string;
  /** Systems it can ask, in the order in which they are interleaved. */
  readonly systems: readonly string[];
  /** Those asked when nobody names any. */
  readonly standardSystems: readonly string[];
  readonly size: { readonly kind: SizeKind; readonly standard: number; readonly quick: number };
  /** What one process measures; several figures can come from one. */
  readonly measurements: readonly Measurement[];
  /** The settings of a run: the same on all systems, and written to every row. */
  settings(options: SettingOptions): Parameters;
  /** Why a system cannot hold a size; undefined when it can. It is then left out with that message. Without: every system can. */
  tooLarge?(system: string, size: number): string | undefined;
  /** Cases that will be there one day, each with what is missing: they are named by the list and refused with that message. */
  readonly notYet?: Readonly<Record<string, string>>;
  /** Most bytes that one process keeps on disk at a time. Without: next to nothing. */
  diskBytes?(size: number): number;
}

export interface SettingOptions {
  readonly size: number;
  readonly isQuick: boolean;
}

export interface Measurement {
  /** For the process that measures it, and for progress. */
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Only these systems can be asked; all of the question's without. */
  readonly systems?: readonly string[];
  /** Settings that differ from the question's, in this variant. */
  settings?(options: SettingOptions): Parameters;
  /** Most bytes on disk at a time, where that is more than the question says. */
  diskBytes?(size: number): number;
  /** Files that its processes read, made here when they are missing: paths by argument name, which are no settings of a row. */
  files?(options: FileOptions): Promise<Readonly<Record<string, string>>>;
}

export interface FileOptions {
  readonly isQuick: boolean;
  readonly log: (line: string) => void;
}

export interface Figure {
  /** The case of its row. */
  readonly name: string;
  readonly unit: string;
  /** The value of one run, from all lines that the process printed. Throws when they do not have it. */
  valueOf(lines: readonly ResultLine[]): number;
  /** The value of the row where it is not the median of the runs: a percentile over all runs' measurements, say. */
  pooled?(runs: readonly (readonly ResultLine[])[]): number;
}

/** A line of JSON from a measuring process. `build` names versions; `checked` counts what was read back and found right. */
export type ResultLine = Readonly<Record<string, unknown>>;

/** A measured thing read something else than was written: its times are worth nothing. Exit code 3 of a measuring process. */
export class WrongResultError extends Error {
  override readonly name = "WrongResultError";
}

/** Exit code by which a measuring process says that a result was wrong. */
export const wrongResultExitCode = 3;

/** A number of a line. Throws when it is missing. */
export function numberIn(line: ResultLine, name: string): number {
  const value = line[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Error(`a measuring process printed no number "${name}": ${JSON.stringify(line)}`);
}

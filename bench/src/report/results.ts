import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../output/replace-file.js";
import type { Row } from "../row.js";
import { formatSize } from "../size.js";
import type { ReadyPart } from "./parts.js";

/** What one part of a report gave: a file in the folder of results each. */
export interface Measured {
  readonly part: string;
  /** ISO 8601. Of two rows for the same figure the later one counts. */
  readonly finishedAt: string;
  /** With tiny sizes: its times mean nothing. */
  readonly isQuick: boolean;
  /** What was about to be measured: see Surroundings. Together with commit and machine of the rows it tells whether to measure again. */
  readonly build: string;
  readonly rows: readonly Row[];
}

/** What a measurement depends on beside the request. */
export interface Surroundings {
  readonly commit: string;
  readonly machine: string;
  /** Versions of what these systems need, as far as they are known before anything runs. */
  buildOf(systems: readonly string[]): string;
}

/** Reads all results of a folder; none when there is no folder. Throws an Error that names a damaged file and says what to do. */
export async function readResults(directory: string): Promise<Measured[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".json"));
  return Promise.all(
    names.sort().map(async (name) => {
      const path = join(directory, name);
      try {
        const measured = measuredFrom(JSON.parse(await readFile(path, "utf8")));
        if (`${measured.part}.json` !== name) throw new Error(`it has the results of ${measured.part}`);
        return measured;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`${path} is damaged (${reason}); remove it, or take it back from git`, { cause: error });
      }
    }),
  );
}

/** Keeps the results of a part, in place of those it had before: the file is there as a whole or not at all. */
export async function publishResults(directory: string, measured: Measured): Promise<void> {
  await mkdir(directory, { recursive: true });
  await replaceFile(join(directory, `${measured.part}.json`), `${JSON.stringify(measured, undefined, 2)}\n`);
}

/**
 * Whether results have every figure of a part for these systems: in one file, from at least as many runs, of the same commit, build and
 * machine. A commit with changes is never the same, for nobody knows what the changes were.
 */
export function isMeasured(
  results: readonly Measured[],
  part: ReadyPart,
  systems: readonly string[],
  surroundings: Surroundings,
  isQuick: boolean,
): boolean {
  const { commit, machine } = surroundings;
  if (!identifiesSources(commit)) return false;
  const size = formatSize(part.size, part.question.size.kind);
  const build = surroundings.buildOf(systems);
  const wanted = figuresOf(part, systems);
  return results.some(
    ({ rows, ...measured }) =>
      measured.isQuick === isQuick &&
      measured.build === build &&
      wanted.every((figure) =>
        rows.some(
          (row) =>
            row.question === part.question.name && row.case === figure.case && row.system === figure.system && row.size === size &&
            row.spread.runs >= part.runs && row.commit === commit && row.machine === machine,
        ),
      ),
  );
}

/** Whether a commit says what was measured. */
export function identifiesSources(commit: string): boolean {
  return /^[0-9a-f]+$/u.test(commit);
}

/** The rows that a part gives. */
function figuresOf({ question, cases }: ReadyPart, systems: readonly string[]): { case: string; system: string }[] {
  return question.measurements.flatMap((measurement) =>
    measurement.figures
      .filter(({ name }) => cases.includes(name))
      .flatMap(({ name }) =>
        systems.filter((system) => measurement.systems?.includes(system) ?? true).map((system) => ({ case: name, system })),
      ),
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** Throws an Error that says which field is wrong. */
function measuredFrom(value: unknown): Measured {
  const fields = object(value, "the file");
  const { rows } = fields;
  if (!Array.isArray(rows) || rows.length === 0) throw new Error("it has no rows");
  const finishedAt = textIn(fields, "finishedAt");
  if (Number.isNaN(Date.parse(finishedAt))) throw new Error("finishedAt is no time");
  if (typeof fields["isQuick"] !== "boolean") throw new Error("isQuick is not true or false");
  return { part: textIn(fields, "part"), finishedAt, isQuick: fields["isQuick"], build: textIn(fields, "build"), rows: rows.map(rowFrom) };
}

function rowFrom(value: unknown): Row {
  const fields = object(value, "a row");
  const spread = object(fields["spread"], "the spread of a row");
  const texts = ["question", "case", "system", "unit", "size", "build", "machine", "commit"].map((name) => [name, textIn(fields, name)]);
  return {
    ...(Object.fromEntries(texts) as Pick<Row, "question" | "case" | "system" | "unit" | "size" | "build" | "machine" | "commit">),
    value: numberIn(fields, "value"),
    spread: { min: numberIn(spread, "min"), max: numberIn(spread, "max"), runs: numberIn(spread, "runs") },
    params: object(fields["params"], "params of a row") as Row["params"],
  };
}

function object(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error(`${what} is no object`);
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`${name} is no text`);
}

function numberIn(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Error(`${name} is no number`);
}

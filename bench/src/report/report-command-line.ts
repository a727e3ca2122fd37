import { Command } from "commander";
import { resolve } from "node:path";
import { names, runCount, WrongCallError } from "../command-line.js";
import type { Question } from "../question.js";
import { fullParts, type Part, readyPart, type ReadyPart, standardParts } from "./parts.js";

/** What `npm run bench:report` is asked for. */
export interface ReportRequest {
  readonly parts: readonly ReadyPart[];
  readonly isQuick: boolean;
  readonly isAgain: boolean;
  /** Only says what would be measured. */
  readonly isPlanOnly: boolean;
  /** Measures nothing, only writes the pages from what is there. */
  readonly isWriteOnly: boolean;
  /** Where results and pages go, if not beside the benchmarks. */
  readonly directory?: string;
}

interface Options {
  readonly full?: boolean;
  readonly again?: boolean;
  readonly plan?: boolean;
  readonly writeOnly?: boolean;
  readonly only?: string[];
  readonly system?: string[];
  readonly runs?: number;
  readonly quick?: boolean;
  readonly directory?: string;
}

/** Parses the words after `npm run bench:report --`. Throws WrongCallError, or CommanderError for an unknown option and for --help. */
export function parseReportCommandLine(args: readonly string[], questions: readonly Question[]): ReportRequest {
  const options = new Command("bench:report")
    .description(
      "Measures a standard set of figures in about 40 minutes and writes bench/RESULTS.md and bench/RESULTS.html. " +
        "What is there already, of this commit, build and machine, is not measured again.",
    )
    .option("--full", "everything that the goals ask for: up to 16 GiB of state and 300 rounds, days rather than hours")
    .option("--again", "measure also what there are results of")
    .option("--only <parts>", "only these parts, separated by commas; --plan names them", names)
    .option("--system <names>", "only these systems of the parts, separated by commas", names)
    .option("--runs <count>", "processes for each figure, instead of what the part says; each row names its runs", runCount)
    .option("--plan", "only say what would be measured and how long it takes")
    .option("--write-only", "measure nothing, write the pages from the results that are there")
    .option("--quick", "tiny sizes, to try the report itself: its times mean nothing; needs --directory")
    .option("--directory <path>", "where results and pages go, instead of bench/ and README.md")
    .exitOverride()
    .allowExcessArguments(false)
    .parse([...args], { from: "user" })
    .opts<Options>();
  const { full = false, quick = false, again = false, plan = false, writeOnly = false } = options;
  const { only, system, runs } = options;
  if (quick && options.directory === undefined) {
    throw new WrongCallError("--quick needs --directory: figures of tiny sizes do not belong among the results");
  }
  if (writeOnly && (full || again || plan || [only, system, runs].some((option) => option !== undefined))) {
    throw new WrongCallError("--write-only measures nothing, so no option that says what to measure goes with it");
  }
  const parts = chosen(full ? fullParts : standardParts, only).map((part) => readyPart(part, questions, quick));
  return {
    parts: withSystems(parts, system).map((part) => (runs === undefined ? part : { ...part, runs })),
    isQuick: quick,
    isAgain: again,
    isPlanOnly: plan,
    isWriteOnly: writeOnly,
    ...(options.directory === undefined ? {} : { directory: resolve(options.directory) }),
  };
}

function chosen(parts: readonly Part[], wanted: readonly string[] | undefined): readonly Part[] {
  if (wanted === undefined) return parts;
  const known = parts.map(({ name }) => name);
  const strange = wanted.find((name) => !known.includes(name));
  if (strange !== undefined) throw new WrongCallError(`There is no part "${strange}" in this set; there are ${known.join(", ")}`);
  return parts.filter(({ name }) => wanted.includes(name));
}

/** The parts with some of their systems only, without those that have none of them. */
function withSystems(parts: readonly ReadyPart[], wanted: readonly string[] | undefined): readonly ReadyPart[] {
  if (wanted === undefined) return parts;
  const known = [...new Set(parts.flatMap(({ systems }) => systems))];
  const strange = wanted.find((name) => !known.includes(name));
  if (strange !== undefined) throw new WrongCallError(`No part measures a system "${strange}"; there are ${known.join(", ")}`);
  const some = parts.map((part) => ({ ...part, systems: part.systems.filter((name) => wanted.includes(name)) }));
  return some.filter(({ systems }) => systems.length > 0);
}

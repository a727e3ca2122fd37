import type { Question } from "../question.js";
import { stateOps } from "../questions/state-ops.js";
import { parseSize } from "../size.js";

/** A piece of a report, measured in one go: what it gives is kept as soon as it is done. */
export interface Part {
  /** Also the name of its results file. */
  readonly name: string;
  readonly question: string;
  /** Only these of the question's measurements, or with a "*" at its end all that begin so; all of them without. */
  readonly measurements?: readonly string[];
  /** Only these systems; the question's standard ones without. */
  readonly systems?: readonly string[];
  /** The question's standard size without. */
  readonly size?: string;
  readonly runs: number;
}

/** A part with everything looked up. */
export interface ReadyPart {
  readonly name: string;
  readonly question: Question;
  readonly cases: readonly string[];
  readonly systems: readonly string[];
  readonly size: number;
  readonly runs: number;
}

const besideFlink = ["rocksdb", "flink-rocksdb"];
const besideBothFlinks = ["rocksdb", "flink-rocksdb", "flink-changelog"];
const nodeStores = [
  "rocksdb", "npm:rocksdb", "npm:classic-level", "npm:lmdb",
  "npm:level-rocksdb", "npm:better-sqlite3", "npm:map-json", "npm:@slatedb/uniffi",
];
const besideCopy = [...besideBothFlinks, "cp"];

/**
 * At most 40 minutes on two cores: one figure of each kind that a reader asks for first; a test adds up what it is expected to take.
 * Three runs each would take twice as long, so processes that repeat much inside (50 checkpoints, 3 restores) have fewer.
 */
export const standardParts: readonly Part[] = [
  { name: "state-ops", question: "state-ops", measurements: ["valueUpdate", "valueGet"], runs: 3 },
  { name: "state-limits", question: "state-limits", runs: 1 },
  { name: "state-latency", question: "state-latency", runs: 1 },
  { name: "checkpoint-1GiB", question: "checkpoint", measurements: ["copied"], systems: besideFlink, runs: 2 },
  { name: "restore-1GiB", question: "restore", measurements: ["first-record"], systems: besideFlink, runs: 1 },
  { name: "job", question: "job", measurements: ["sum-p1", "words-p1"], runs: 1 },
  { name: "node-peers", question: "node-peers", measurements: ["read-modify-write", "get"], systems: nodeStores.slice(0, 4), runs: 1 },
];

/** Everything that the goals ask for: days on two cores, done piece by piece. */
export const fullParts: readonly Part[] = [
  ...["value", "list", "map"].map((kind): Part => ({
    name: `full-state-ops-${kind}`,
    question: "state-ops",
    measurements: operations((name) => name.startsWith(kind) && !name.includes("-")),
    runs: 5,
  })),
  {
    name: "full-state-ops-20x",
    question: "state-ops",
    measurements: operations((name) => name.endsWith("-20x")),
    systems: besideFlink,
    runs: 5,
  },
  {
    name: "full-state-ops-5pct",
    question: "state-ops",
    measurements: operations((name) => name.endsWith("-5pct")),
    systems: ["rocksdb", "db_bench"],
    runs: 5,
  },
  { name: "full-state-limits", question: "state-limits", runs: 5 },
  { name: "full-state-latency", question: "state-latency", runs: 5 },
  { name: "full-checkpoint-1GiB", question: "checkpoint", measurements: ["copied"], runs: 5 },
  { name: "full-checkpoint-links-1GiB", question: "checkpoint", measurements: ["links"], systems: ["fs", "rocksdb"], runs: 5 },
  { name: "full-checkpoint-uploads-1GiB", question: "checkpoint", measurements: ["full", "live-files"], systems: ["rocksdb"], runs: 5 },
  ...checkpointsOf("1GiB", besideBothFlinks),
  { name: "full-checkpoint-4GiB", question: "checkpoint", measurements: ["copied"], systems: besideBothFlinks, size: "4GiB", runs: 5 },
  ...checkpointsOf("4GiB", besideFlink),
  ...["1GiB", "4GiB", "16GiB"].map((size): Part => ({
    name: `full-checkpoint-same-changes-${size}`,
    question: "checkpoint",
    measurements: ["same-changes"],
    systems: ["rocksdb"],
    size,
    runs: 5,
  })),
  { name: "full-restore-1GiB", question: "restore", runs: 5 },
  { name: "full-restore-4GiB", question: "restore", systems: besideCopy, size: "4GiB", runs: 5 },
  { name: "full-restore-10GiB", question: "restore", systems: besideCopy, size: "10GiB", runs: 5 },
  { name: "full-rescale-1GiB", question: "rescale", size: "1GiB", runs: 5 },
  { name: "full-rescale-4GiB", question: "rescale", size: "4GiB", runs: 5 },
  { name: "full-latency-1GiB", question: "latency", runs: 5 },
  { name: "full-memory", question: "memory", runs: 5 },
  { name: "full-job", question: "job", runs: 5 },
  { name: "full-node-peers", question: "node-peers", systems: nodeStores, runs: 5 },
];

function operations(isWanted: (name: string) => boolean): string[] {
  return stateOps.measurements.map(({ name }) => name).filter(isWanted);
}

/** What checkpoints write over long runs and with few changes. */
function checkpointsOf(size: string, systems: readonly string[]): Part[] {
  return ["300-rounds", "changes-0.1pct", "changes-0.01pct"].map((measurement) => ({
    name: `full-checkpoint-${measurement}-${size}`,
    question: "checkpoint",
    measurements: [measurement],
    systems,
    size,
    runs: 5,
  }));
}

/** Looks up what a part names. Throws RangeError for a name that there is not. With `isQuick` the size is the question's quick one. */
export function readyPart(part: Part, questions: readonly Question[], isQuick: boolean): ReadyPart {
  const question = questions.find(({ name }) => name === part.question);
  if (question === undefined) throw new RangeError(`part ${part.name}: there is no question "${part.question}"`);
  const systems = part.systems ?? question.standardSystems;
  const strange = systems.find((system) => !question.systems.includes(system));
  if (strange !== undefined) throw new RangeError(`part ${part.name}: ${question.name} does not know a system "${strange}"`);
  const size = part.size === undefined ? question.size.standard : parseSize(part.size, question.size.kind);
  return {
    name: part.name,
    question,
    cases: chosenCases(part, question),
    systems,
    size: isQuick ? question.size.quick : size,
    runs: isQuick ? 1 : part.runs,
  };
}

function chosenCases({ name, measurements: wanted = ["*"] }: Part, { name: question, measurements }: Question): string[] {
  return wanted.flatMap((pattern) => {
    const chosen = measurements.filter((measurement) =>
      pattern.endsWith("*") ? measurement.name.startsWith(pattern.slice(0, -1)) : measurement.name === pattern,
    );
    if (chosen.length === 0) throw new RangeError(`part ${name}: ${question} measures nothing named "${pattern}"`);
    return chosen.flatMap(({ figures }) => figures.map((figure) => figure.name));
  });
}

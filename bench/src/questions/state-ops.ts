import { heapMiB } from "../machine.js";
import { type Measurement, numberIn, type Question } from "../question.js";
import { operationRate } from "./operation-rate.js";

const writing = [
  "valueUpdate", "valueAdd", "listUpdate", "listAdd", "listAppend", "listAddAll", "mapUpdate", "mapAdd", "mapRemove", "mapPutAll",
];
const reading = [
  "valueGet", "listGet", "listGetAndIterate",
  "mapGet", "mapContains", "mapIsEmpty", "mapKeys", "mapValues", "mapEntries", "mapIterator",
];

const systems = ["memory", "rocksdb", "flink-hashmap", "flink-rocksdb"];

/**
 * The operations of Flink's state benchmark suite on state without a job around it. An iteration of an operation that writes ends with
 * a snapshot, and the time until all of it is written counts: nobody gets away with putting work off. "-undrained" is the same
 * without that time.
 */
export const stateOps: Question = {
  name: "state-ops",
  summary: "operations on keyed state, named as in Flink's state benchmarks, in operations per millisecond",
  systems,
  standardSystems: systems,
  size: { kind: "keys", standard: 500_000, quick: 20_000 },
  measurements: [...writing.map(writingMeasurement), ...reading.map(readingMeasurement)].sort(byKind),
  settings: ({ size, isQuick }) => ({
    keys: size,
    seed: 1,
    warmUps: isQuick ? 1 : 5,
    iterations: isQuick ? 2 : 5,
    iterationMs: isQuick ? 50 : 1_000,
    checks: 100_000,
    budgetBytes: 256 * 2 ** 20,
    heapMiB: heapMiB(4096),
    keyGroups: 2,
    pageCache: "warm",
  }),
};

function writingMeasurement(name: string): Measurement {
  return {
    name,
    figures: [
      operationRate(name, (line) => numberIn(line, "operationsMs") + numberIn(line, "snapshotMs")),
      operationRate(`${name}-undrained`, (line) => numberIn(line, "operationsMs")),
    ],
  };
}

function readingMeasurement(name: string): Measurement {
  return { name, figures: [operationRate(name, (line) => numberIn(line, "operationsMs"))] };
}

/** Value, then list, then map. */
function byKind(left: Measurement, right: Measurement): number {
  const kinds = ["value", "list", "map"];
  const rank = ({ name }: Measurement): number => kinds.findIndex((kind) => name.startsWith(kind));
  return rank(left) - rank(right);
}

import { heapMiB } from "../machine.js";
import { type Measurement, numberIn, type Question, type SettingOptions } from "../question.js";
import type { Parameters } from "../row.js";
import { entryValueBytes } from "../state-ops/entry-value.js";
import { operationRate } from "./operation-rate.js";

const writing = [
  "valueUpdate", "valueAdd", "listUpdate", "listAdd", "listAppend", "listAddAll", "mapUpdate", "mapAdd", "mapRemove", "mapPutAll",
];
const reading = [
  "valueGet", "listGet", "listGetAndIterate",
  "mapGet", "mapContains", "mapIsEmpty", "mapKeys", "mapValues", "mapEntries", "mapIterator",
];

const standardSystems = ["memory", "rocksdb", "flink-hashmap", "flink-rocksdb"];
const besideFlink = ["rocksdb", "flink-rocksdb"];
const besideRocksdb = ["rocksdb", "db_bench"];

/** Operations on a state of 20 times the memory for it. */
const large = ["valueUpdate", "valueGet", "read-modify-write", "listAppend", "mapUpdate", "mapGet", "mapIterator"];
const stateOverBudget = 20;
/** So many entries of 108 bytes for each key of the size that the budget of the standard size is 32 MiB. */
const entriesPerSize = 12.5;
const entriesPerCollection = 10;
const entryBytes = 8 + entryValueBytes;
/** The least that our backend takes. */
const smallestBudgetBytes = 4 * 2 ** 20;

/**
 * The operations of Flink's state benchmark suite on state without a job around it. An iteration of an operation that writes ends with
 * a snapshot, and the time until all of it is written counts: nobody gets away with putting work off. "-undrained" is the same
 * without that time.
 */
export const stateOps: Question = {
  name: "state-ops",
  summary: "operations on keyed state, named as in Flink's state benchmarks, in operations per millisecond",
  systems: [...standardSystems, "db_bench"],
  standardSystems,
  size: { kind: "keys", standard: 500_000, quick: 20_000 },
  measurements: [
    ...[...writing.map(writingMeasurement), ...reading.map(readingMeasurement)].sort(byKind),
    ...large.map(largeMeasurement),
    ...["valueGet", "read-modify-write"].map(measurementBesideRocksdb),
  ],
  settings: ({ size, isQuick }) => ({
    keys: size,
    seed: 1,
    warmUps: isQuick ? 1 : 5,
    iterations: isQuick ? 2 : 5,
    iterationMs: isQuick ? 50 : 1_000,
    checks: 100_000,
    snapshots: "each-iteration",
    flinkIndex: "whole",
    budgetBytes: 256 * 2 ** 20,
    heapMiB: heapMiB(4096),
    keyGroups: 2,
    pageCache: "warm",
  }),
};

function writingMeasurement(name: string): Measurement {
  return {
    name,
    systems: standardSystems,
    figures: [
      operationRate(name, (line) => numberIn(line, "operationsMs") + numberIn(line, "snapshotMs")),
      operationRate(`${name}-undrained`, (line) => numberIn(line, "operationsMs")),
    ],
  };
}

function readingMeasurement(name: string): Measurement {
  return { name, systems: standardSystems, figures: [operationRate(name, (line) => numberIn(line, "operationsMs"))] };
}

/** Beside Flink. Its snapshot is inside the time. */
function largeMeasurement(operation: string): Measurement {
  const name = `${operation}-20x`;
  return {
    name,
    systems: besideFlink,
    figures: [operationRate(name, (line) => numberIn(line, "operationsMs") + numberIn(line, "snapshotMs"))],
    settings: (options) => largeState(options, /^(list|map)/u.test(operation) ? entriesPerCollection : 1),
    diskBytes,
  };
}

/** Beside RocksDB's own benchmark, which takes no snapshots. The memory is 5 % of the state: the same as above. */
function measurementBesideRocksdb(operation: string): Measurement {
  const name = `${operation}-5pct`;
  return {
    name,
    systems: besideRocksdb,
    figures: [operationRate(name, (line) => numberIn(line, "operationsMs"))],
    settings: (options) => ({ ...largeState(options, 1), snapshots: "none" }),
    diskBytes,
  };
}

/** An estimate: the database, what its compactions write anew, and two checkpoints of it. */
function diskBytes(size: number): number {
  return 8 * size * entriesPerSize * entryBytes;
}

function largeState({ size, isQuick }: SettingOptions, entriesPerKey: number): Parameters {
  const entries = isQuick ? size : size * entriesPerSize;
  return {
    keys: Math.ceil(entries / entriesPerKey),
    valueBytes: entryValueBytes,
    // With an index in one piece, which is larger than a shard of so small a cache, Flink's reads were 25 times as slow.
    flinkIndex: "partitioned",
    budgetBytes: Math.max(smallestBudgetBytes, Math.round((entries * entryBytes) / stateOverBudget)),
    ...(isQuick ? {} : { warmUps: 3, iterationMs: 2_000 }),
  };
}

/** Value, then list, then map. */
function byKind(left: Measurement, right: Measurement): number {
  const kinds = ["value", "list", "map"];
  const rank = ({ name }: Measurement): number => kinds.findIndex((kind) => name.startsWith(kind));
  return rank(left) - rank(right);
}

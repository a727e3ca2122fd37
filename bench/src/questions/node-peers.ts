import { heapMiB } from "../machine.js";
import { type Measurement, numberIn, type Question, type ResultLine } from "../question.js";
import { keyLength } from "../node-peers/records.js";

const fastSystems = [
  "memory", "rocksdb",
  "npm:rocksdb", "npm:level-rocksdb", "npm:classic-level", "npm:lmdb", "npm:better-sqlite3", "npm:map-json",
];
const valueBytes = 100;
/** A JavaScript Map holds no more: V8 limits it to 2 ** 24. */
const mapEntriesMax = 2 ** 24;

/** Keyed state without a job beside the stores that a Node program would otherwise use: text keys, values of bytes, random order. */
export const nodePeers: Question = {
  name: "node-peers",
  summary: "reads, read-modify-writes and snapshots beside npm's key-value stores, in operations per second and milliseconds",
  systems: [...fastSystems, "npm:@slatedb/uniffi"],
  // Some thousand operations a second: filling SlateDB from Node takes minutes.
  standardSystems: fastSystems,
  size: { kind: "keys", standard: 1_000_000, quick: 2_000 },
  measurements: [
    rate("read-modify-write"), rate("read-modify-write-batch"), rate("get"), rate("get-batch"),
    duration("snapshot"), duration("snapshot-1pct"),
  ],
  settings: ({ size, isQuick }) => ({
    keys: size,
    keyBytes: keyLength,
    valueBytes,
    seed: 1,
    warmUpMs: isQuick ? 50 : 2_000,
    measureMs: isQuick ? 50 : 3_000,
    batch: 500,
    recordsPerTurn: isQuick ? 1_000 : 10_000,
    checks: 1_000_000,
    memoryBytes: 256 * 2 ** 20,
    heapMiB: heapMiB(8192),
    pageCache: "warm",
  }),
  tooLarge: (system, size) =>
    system === "npm:map-json" && size > mapEntriesMax ? `a JavaScript Map holds at most ${mapEntriesMax} entries` : undefined,
  diskBytes: (size) => 8 * size * (keyLength + valueBytes) + 2 ** 28,
};

function rate(name: string): Measurement {
  return {
    name,
    figures: [
      {
        name,
        unit: "ops/s",
        valueOf: (lines) => {
          const line = lines.find((candidate) => "operations" in candidate) ?? {};
          return (1_000 * numberIn(line, "operations")) / numberIn(line, "operationsMs");
        },
      },
    ],
  };
}

function duration(name: string): Measurement {
  const valueOf = (lines: readonly ResultLine[]): number =>
    numberIn(lines.find((line) => "snapshotMs" in line) ?? {}, "snapshotMs");
  return { name, figures: [{ name, unit: "ms", valueOf }] };
}

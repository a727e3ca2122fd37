import { heapMiB } from "../machine.js";
import { numberIn, type Question } from "../question.js";
import { operationRate } from "./operation-rate.js";

/** More entries than one JavaScript Map can hold, with values of fixed size (the state table) and with any others (heap collections). */
export const stateLimits: Question = {
  name: "state-limits",
  summary: "20 million entries written, saved in a snapshot and read back, in operations per millisecond",
  systems: ["memory", "rocksdb"],
  standardSystems: ["memory"],
  size: { kind: "keys", standard: 20_000_000, quick: 50_000 },
  measurements: ["entries-20M-table", "entries-20M-heap"].map((name) => ({
    name,
    figures: [operationRate(name, (line) => numberIn(line, "operationsMs") + numberIn(line, "snapshotMs"))],
  })),
  settings: ({ size }) => ({ keys: size, seed: 1, heapMiB: heapMiB(12_288), keyGroups: 2 }),
};

import { heapMiB } from "../machine.js";
import { type Figure, type Measurement, numberIn, type Question } from "../question.js";

const stateOverBudget = 20;
const quickBudgetBytes = 64 * 2 ** 20;
const keyBytes = 8;

/** Where index and filter blocks of RocksDB's files are best kept when the state is 20 times the budget. */
export const indexMemory: Question = {
  name: "index-memory",
  summary: "reads, and memory counted over the budget, with index and filters outside of the block cache, charged to it, or in it",
  systems: ["rocksdb"],
  standardSystems: ["rocksdb"],
  size: { kind: "bytes", standard: stateOverBudget * 32 * 2 ** 20, quick: 2 ** 20 },
  diskBytes: (size) => 4.5 * size + 2 ** 28,
  measurements: [values(100), values(16), values(1024)],
  settings: ({ size, isQuick }) => ({
    seed: 1,
    budgetBytes: isQuick ? quickBudgetBytes : Math.round(size / stateOverBudget),
    operations: isQuick ? 2_000 : 400_000,
    heapMiB: heapMiB(1024),
    keyGroups: 2,
  }),
};

function values(valueBytes: number): Measurement {
  return {
    name: `values-${valueBytes}`,
    figures: ["outside", "charged", "partitioned"].flatMap((place) => [
      figure(`reads-${place}-${valueBytes}`, "reads/s", `${place}-reads`),
      figure(`counted-over-budget-${place}-${valueBytes}`, "ratio", `${place}-counted`),
      figure(`table-readers-over-budget-${place}-${valueBytes}`, "ratio", `${place}-index`),
    ]),
    settings: ({ size }) => ({ valueBytes, keys: Math.max(1, Math.floor(size / (keyBytes + valueBytes))) }),
  };
}

function figure(name: string, unit: string, field: string): Figure {
  return { name, unit, valueOf: (lines) => numberIn(lines.find((line) => field in line) ?? {}, field) };
}

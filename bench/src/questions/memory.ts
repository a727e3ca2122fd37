import { heapMiB } from "../machine.js";
import { type Figure, type Measurement, numberIn, type Question } from "../question.js";

const budgetOf = (size: number, isQuick: boolean): number => (isQuick ? quickBudgetBytes : Math.round(size / stateOverBudget));
const stateOverBudget = 20;
/** The budget has a least size, so that a quick run's state is not 20 times that. */
const quickBudgetBytes = 64 * 2 ** 20;
const keyBytes = 8;

/** Resident memory with a state 20 times the budget, over the budget. */
export const memory: Question = {
  name: "memory",
  summary: "resident memory above that of an empty open store, over the budget, with a state of 20 times the budget",
  systems: ["rocksdb"],
  standardSystems: ["rocksdb"],
  size: { kind: "bytes", standard: stateOverBudget * 256 * 2 ** 20, quick: 8 * 2 ** 20 },
  diskBytes: (size) => 4.5 * size + 2 ** 28,
  measurements: [values(100, ""), values(16, "-16"), values(1024, "-1024")],
  settings: ({ size, isQuick }) => ({
    seed: 1,
    checks: isQuick ? 2_000 : 100_000,
    budgetBytes: budgetOf(size, isQuick),
    operations: isQuick ? 5_000 : 2_000_000,
    heapMiB: heapMiB(1024),
    keyGroups: 2,
    pageCache: "not counted",
  }),
};

function values(valueBytes: number, suffix: string): Measurement {
  return {
    name: `values-${valueBytes}`,
    figures: [overBudget(`resident-over-budget${suffix}`, "peakBytes"), mebibytes(`resident-base${suffix}`, "baseBytes")],
    settings: ({ size }) => ({ valueBytes, keys: Math.max(1, Math.floor(size / (keyBytes + valueBytes))) }),
  };
}

function overBudget(name: string, field: string): Figure {
  return {
    name,
    unit: "ratio",
    valueOf: (lines) => {
      const line = lines.find((candidate) => field in candidate) ?? {};
      return (numberIn(line, field) - numberIn(line, "baseBytes")) / numberIn(line, "budgetBytes");
    },
  };
}

function mebibytes(name: string, field: string): Figure {
  return { name, unit: "MiB", valueOf: (lines) => numberIn(lines.find((line) => field in line) ?? {}, field) / 2 ** 20 };
}

import { numberIn, type Question } from "../question.js";
import type { Row } from "../row.js";
import type { Measured } from "./results.js";

interface RowChanges extends Partial<Omit<Row, "spread">> {
  readonly runs?: number;
}

/** A row, with what a test cares about. */
export function rowOfReport({ runs = 3, ...changes }: RowChanges): Row {
  const value = changes.value ?? 100;
  return {
    question: "speed", case: "read", system: "memory", value, unit: "ops/ms", size: "100 keys",
    spread: { min: value / 2, max: value * 2, runs }, params: { keys: 100 }, build: "one build", machine: "a machine", commit: "abc",
    ...changes,
  };
}

export function measuredOf(part: string, rows: readonly Row[], finishedAt = "2026-01-02T03:04:05.000Z"): Measured {
  return { part, finishedAt, isQuick: false, build: "node and more", rows };
}

const speed: Question = {
  name: "speed", summary: "how fast", systems: ["memory", "rocksdb", "flink-hashmap"],
  standardSystems: ["memory", "flink-hashmap"],
  size: { kind: "keys", standard: 100, quick: 10 },
  measurements: ["read", "write"].map((name) => ({
    name,
    figures: ["", "-twice"].map((suffix) => ({
      name: `${name}${suffix}`,
      unit: "ops/ms",
      valueOf: (lines) => numberIn(lines[0] ?? {}, "rate"),
    })),
  })),
  notYet: { fly: "nothing has wings yet" },
  settings: ({ size, isQuick }) => ({ keys: size, isQuick }),
};

const pauses: Question = {
  ...speed,
  name: "pauses", size: { kind: "bytes", standard: 2 ** 30, quick: 2 ** 10 }, systems: ["rocksdb", "flink-rocksdb"],
  standardSystems: ["rocksdb"],
  measurements: [{ name: "all", figures: [{ name: "pause", unit: "ms", valueOf: (lines) => numberIn(lines[0] ?? {}, "pause") }] }],
  tooLarge: (system, size) => (system === "flink-rocksdb" && size > 2 ** 30 ? "it is too small for that" : undefined),
  notYet: {},
};

/** Questions that answer at once. */
export const smallQuestions: readonly Question[] = [speed, pauses];

import { type Figure, type Measurement, numberIn, type Question } from "../question.js";
import { median } from "../statistics.js";
import { ofRounds, single } from "./checkpoint-figures.js";
import { keysIn, largeState, largeStateSettings } from "./checkpointed-state.js";

const ours = ["memory", "fs", "rocksdb"];
const flink = ["flink-hashmap", "flink-rocksdb", "flink-changelog"];

/** From the call that restores a job until its first record is processed, and how fast the state is right afterwards. */
export const restore: Question = {
  name: "restore",
  summary: "time from the restore call to the first record after 40 deltas, bytes read, and speed right after a restore",
  ...largeState,
  systems: [...largeState.systems, "cp"],
  standardSystems: ["fs", "rocksdb", "flink-hashmap", "flink-rocksdb", "flink-changelog", "cp"],
  measurements: [
    {
      name: "first-record",
      systems: [...ours, ...flink],
      figures: [ofRounds("first-record", "ms", "firstRecordMs", median), readOverState("read-over-state")],
    },
    {
      name: "first-record-copy",
      systems: ["rocksdb", "cp"],
      figures: [ofRounds("first-record-copy", "ms", "firstRecordMs", median)],
      settings: () => ({ files: "copied" }),
    },
    gets(40),
    gets(20),
    {
      name: "writes",
      systems: ["rocksdb"],
      figures: [single("writes-stopped", "writes", "writesStopped"), single("writes-longest", "ms", "writesLongestMs")],
    },
  ],
  settings: (options) => ({
    ...largeStateSettings(options),
    files: "linked",
    deltas: options.isQuick ? 4 : 40,
    recordsPerRound: Math.max(1, Math.round(keysIn(options.size) / 100)),
    restores: options.isQuick ? 2 : 3,
    getsMs: options.isQuick ? 50 : 1_000,
    quietMs: options.isQuick ? 50 : 2_000,
    writes: Math.ceil(keysIn(options.size) / 5),
  }),
};

/** Speed of reads right after a restore over their speed once compactions have settled. */
function gets(deltas: number): Measurement {
  return {
    name: `gets-${deltas}`,
    systems: ["rocksdb"],
    figures: [
      {
        name: `gets-over-settled-${deltas}`,
        unit: "ratio",
        valueOf: (lines) => {
          const line = lines.find((candidate) => "restoredGetsPerMs" in candidate) ?? {};
          return numberIn(line, "restoredGetsPerMs") / numberIn(line, "settledGetsPerMs");
        },
      },
      single(`gets-restored-${deltas}`, "ops/ms", "restoredGetsPerMs"),
      single(`gets-settled-${deltas}`, "ops/ms", "settledGetsPerMs"),
      single(`settle-${deltas}`, "ms", "settleMs"),
    ],
    settings: ({ isQuick }) => ({ deltas: isQuick ? 4 : deltas }),
  };
}

/** Bytes that a restore needs over key and value bytes. */
export function readOverState(name: string): Figure {
  return {
    name,
    unit: "ratio",
    valueOf: (lines) => {
      const line = lines.find((candidate) => "restoreBytes" in candidate) ?? {};
      return numberIn(line, "restoreBytes") / numberIn(line, "stateBytes");
    },
  };
}

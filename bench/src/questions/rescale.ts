import type { Question } from "../question.js";
import { median } from "../statistics.js";
import { ofRounds } from "./checkpoint-figures.js";
import { keysIn, largeState, largeStateSettings } from "./checkpointed-state.js";
import { readOverState } from "./restore.js";

/** A restore with another parallelism: until every subtask has read a key. */
export const rescale: Question = {
  name: "rescale",
  summary: "time from the restore call to the first record of every subtask, when one subtask becomes two and two become one",
  ...largeState,
  standardSystems: ["rocksdb", "flink-rocksdb"],
  measurements: ["1to2", "2to1"].map((name) => ({
    name,
    figures: [ofRounds(`first-record-${name}`, "ms", "firstRecordMs", median), readOverState(`read-over-state-${name}`)],
  })),
  settings: (options) => ({
    ...largeStateSettings(options),
    files: "linked",
    verified: "sizes",
    // What our figure is of, until a job can run more than one subtask.
    drives: "keyed state of each subtask, in one process; Flink: a job",
    deltas: options.isQuick ? 4 : 40,
    recordsPerRound: Math.max(1, Math.round(keysIn(options.size) / 100)),
    restores: options.isQuick ? 2 : 3,
  }),
};

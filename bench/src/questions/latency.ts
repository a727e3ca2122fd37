import type { Figure, Question } from "../question.js";
import { median } from "../statistics.js";
import { largest, ofRounds, pooled } from "./checkpoint-figures.js";
import { largeState, largeStateSettings, lowLatency } from "./checkpointed-state.js";

const recordsPerSecond = 20_000;

/** The longest wait of a record in a checkpoint, with one every second; and in the same windows of a run without checkpoints. */
export const latency: Question = {
  name: "latency",
  summary: "longest gap between two records in a checkpoint, one a second at 20,000 records a second, beside the same without checkpoints",
  ...largeState,
  standardSystems: ["fs", "rocksdb", "flink-rocksdb", "flink-changelog"],
  measurements: [{ name: "20k", figures: [...gaps("-20k", "gapMs"), ...gaps("-20k-idle", "idleGapMs")] }],
  settings: (options) => ({
    ...largeStateSettings(options),
    ...lowLatency,
    files: "copied",
    upload: "changes",
    rounds: options.isQuick ? 3 : 60,
    warmUpRounds: options.isQuick ? 1 : 3,
    recordsPerSecond,
    recordsPerRound: options.isQuick ? 400 : recordsPerSecond,
  }),
};

function gaps(suffix: string, field: string): Figure[] {
  return [
    ofRounds(`gap-p50${suffix}`, "ms", field, median),
    pooled(`gap-p99${suffix}`, field, 0.99),
    ofRounds(`gap-max${suffix}`, "ms", field, largest),
  ];
}

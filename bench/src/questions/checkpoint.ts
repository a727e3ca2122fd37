import type { Measurement, Question, SettingOptions } from "../question.js";
import type { Parameters } from "../row.js";
import { checkpointFigures as figures } from "./checkpoint-figures.js";
import { keysIn, largeState, largeStateSettings, lowLatency } from "./checkpointed-state.js";

const recordsPerSecond = 20_000;
/** A round with fewer records than this gives at full pace is given them more slowly. */
const shortestRoundMs = 500;
const shortestQuickRoundMs = 20;
/** Changes of 1 % of 1 GiB, whatever the size of the state. */
const changesOf1GiB = Math.round(keysIn(2 ** 30) / 100);

const incremental = ["fs", "rocksdb", "flink-rocksdb", "flink-changelog"];
const linking = ["fs", "rocksdb"];

/** Checkpoints of a large state while records come at a pace: what they cost the record path, how long they take and what they write. */
export const checkpoint: Question = {
  name: "checkpoint",
  summary: "checkpoints of a large state under 20,000 updates a second: pauses, record gaps, durations, bytes over changed bytes",
  ...largeState,
  standardSystems: largeState.systems,
  measurements: [
    {
      name: "copied",
      figures: [...figures.pause(), ...figures.duration(), ...figures.gap(), ...figures.bytes(), ...figures.first()],
    },
    {
      name: "links",
      systems: linking,
      figures: [
        ...figures.pause("-links"), ...figures.duration("-links"), ...figures.gap("-links"),
        ...figures.bytes("-links"), ...figures.first("-links"),
      ],
      settings: () => ({ files: "linked" }),
    },
    {
      name: "300-rounds",
      systems: incremental,
      figures: [...figures.bytes("-300"), ...figures.duration("-300")],
      settings: ({ isQuick }) => ({ rounds: isQuick ? 6 : 300 }),
    },
    uploading("full"),
    uploading("live-files"),
    fewerChanges("0.1pct", 0.001),
    fewerChanges("0.01pct", 0.0001),
    {
      name: "same-changes",
      systems: incremental,
      figures: [...figures.duration("-10MiB"), ...figures.bytes("-10MiB")],
      settings: (options) => rounds(options, changesOf1GiB / keysIn(options.size)),
    },
  ],
  settings: (options) => ({
    ...largeStateSettings(options),
    ...lowLatency,
    files: "copied",
    upload: "changes",
    rounds: options.isQuick ? 3 : 50,
    warmUpRounds: options.isQuick ? 1 : 3,
    ...rounds(options, 0.01),
  }),
};

/** RocksDB the usual way: what a checkpoint uploads instead of what changed. */
function uploading(upload: "full" | "live-files"): Measurement {
  const suffix = `-${upload}`;
  return {
    name: upload,
    systems: ["rocksdb"],
    figures: [...figures.pause(suffix), ...figures.duration(suffix), ...figures.gap(suffix), ...figures.bytes(suffix)],
    settings: () => ({ upload }),
  };
}

/** 50 rounds, and the ratio over a long run. */
function fewerChanges(suffix: string, fraction: number): Measurement {
  return {
    name: `changes-${suffix}`,
    systems: incremental,
    figures: [...figures.bytes(`-${suffix}`), ...figures.duration(`-${suffix}`)],
    settings: (options) => rounds(options, fraction),
  };
}

/** Rounds in which so large a part of the keys is changed, at most all. */
function rounds({ size, isQuick }: SettingOptions, fraction: number): Parameters {
  const recordsPerRound = Math.max(1, Math.round(keysIn(size) * Math.min(1, fraction)));
  const slowest = Math.ceil((recordsPerRound * 1_000) / (isQuick ? shortestQuickRoundMs : shortestRoundMs));
  return { recordsPerRound, recordsPerSecond: Math.min(recordsPerSecond, slowest) };
}

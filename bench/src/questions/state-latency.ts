import { heapMiB } from "../machine.js";
import { type Figure, numberIn, type Question } from "../question.js";

/**
 * How long the record path stands still: the longest time for any 1,000 updates in a row while state grows from nothing to its full
 * size and snapshots follow one another, and the pause at the start of a snapshot.
 */
export const stateLatency: Question = {
  name: "state-latency",
  summary: "longest time for 1,000 updates in a row while snapshots run, and the pause of a snapshot, in milliseconds",
  systems: ["memory", "rocksdb"],
  standardSystems: ["memory"],
  size: { kind: "keys", standard: 10_000_000, quick: 100_000 },
  measurements: [
    { name: "updates", figures: [milliseconds("update-1000-p999", "p999Ms"), milliseconds("update-1000-max", "maxMs")] },
    { name: "pause-1M", figures: [milliseconds("snapshot-pause-1M", "pauseMs")] },
    { name: "pause-10M", figures: [milliseconds("snapshot-pause-10M", "pauseMs")] },
  ],
  settings: ({ size, isQuick }) => ({
    keys: size,
    seed: 1,
    snapshots: isQuick ? 2 : 5,
    updatesPerTurn: 1_000,
    heapMiB: heapMiB(8192),
    keyGroups: 2,
  }),
};

function milliseconds(name: string, field: string): Figure {
  return {
    name,
    unit: "ms",
    valueOf(lines) {
      const line = lines.find((candidate) => field in candidate);
      if (line === undefined) throw new Error(`${name}: nothing was measured`);
      return numberIn(line, field);
    },
  };
}

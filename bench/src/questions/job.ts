import { fileURLToPath } from "node:url";
import { mailCorpus, prepareMailText } from "../job/mail-text.js";
import { heapMiB } from "../machine.js";
import { type Measurement, numberIn, type Question, type ResultLine } from "../question.js";

const systems = ["memory", "rocksdb", "flink-hashmap", "flink-rocksdb"];
const recordsPerKey = 10;
/** Enough for a quick run, and always here. */
const quickText = fileURLToPath(new URL("../../../LICENSE", import.meta.url));

const noWindows = "jobs have no windows yet";
const noParallelism = "a job runs one subtask so far";

/** How fast whole jobs are, from the first record to the last: everything that happens to a record is inside. */
export const job: Question = {
  name: "job",
  summary: "records a second through a running sum and a word count, with and without a checkpoint every second",
  systems,
  standardSystems: systems,
  size: { kind: "keys", standard: 1_000_000, quick: 10_000 },
  measurements: [sum(""), sum("-checkpointed"), words(""), words("-checkpointed")],
  notYet: {
    "window-p1": noWindows,
    "window-p1-checkpointed": noWindows,
    "sum-p2": noParallelism,
    "sum-p2-checkpointed": noParallelism,
    "window-p2": noWindows,
    "window-p2-checkpointed": noWindows,
    "words-p2": noParallelism,
    "words-p2-checkpointed": noParallelism,
  },
  settings: () => ({ parallelism: 1, budgetBytes: 256 * 2 ** 20, heapMiB: heapMiB(4096), pageCache: "warm" }),
  // Two bases, the deltas between them and the database.
  diskBytes: (size) => 500 * size + 2 ** 28,
};

function sum(suffix: string): Measurement {
  return {
    name: `sum-p1${suffix}`,
    figures: [{ name: `sum-p1${suffix}`, unit: "records/s", valueOf: (lines) => rate(lines) }],
    settings: ({ size, isQuick }) => ({ keys: size, records: recordsPerKey * size, seed: 1, ...checkpoints(suffix, isQuick) }),
  };
}

function words(suffix: string): Measurement {
  return {
    name: `words-p1${suffix}`,
    figures: [{ name: `words-p1${suffix}`, unit: "words/s", valueOf: (lines) => rate(lines) }],
    settings: ({ isQuick }) => ({
      ...(isQuick ? { text: "the license" } : { text: mailCorpus.package, textSha256: mailCorpus.textSha256, passes: mailCorpus.passes }),
      ...checkpoints(suffix, isQuick),
    }),
    files: async ({ isQuick, log }) => ({ textFile: isQuick ? quickText : await prepareMailText(log) }),
  };
}

function checkpoints(suffix: string, isQuick: boolean): { checkpointIntervalMs?: number } {
  return suffix === "" ? {} : { checkpointIntervalMs: isQuick ? 10 : 1_000 };
}

/** Results a second: one comes out for each record of the sum and each word. */
function rate(lines: readonly ResultLine[]): number {
  const line = lines.find((candidate) => "durationMs" in candidate) ?? {};
  return (numberIn(line, "results") / numberIn(line, "durationMs")) * 1_000;
}

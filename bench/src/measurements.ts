import type { ResultLine } from "./question.js";
import type { Settings } from "./settings.js";

/** Measures one case on one of our systems and emits its lines. Throws WrongResultError. */
export type Measure = (settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number) => Promise<void>;

/** What a process of ours runs for a question. Loaded only there, so that starting the benchmark loads no backend. */
const measures: Readonly<Record<string, () => Promise<Measure>>> = {
  "state-ops": async () => (await import("./state-ops/measure.js")).measureStateOps,
  checkpoint: async () => (await import("./checkpointed-job/measure-checkpoints.js")).measureCheckpoints,
  latency: async () => (await import("./checkpointed-job/measure-checkpoints.js")).measureCheckpoints,
  job: async () => (await import("./job/measure-job.js")).measureJob,
  restore: async () => (await import("./restore/measure-restore.js")).measureRestore,
  rescale: async () => (await import("./rescale/measure-rescale.js")).measureRescale,
  memory: async () => (await import("./memory/measure-memory.js")).measureMemory,
  "index-memory": async () => (await import("./memory/measure-index-memory.js")).measureIndexMemory,
  "node-peers": async () => (await import("./node-peers/measure-node-peers.js")).measureNodePeers,
  "state-latency": async () => (await import("./state-latency/measure.js")).measureStateLatency,
  "state-limits": async () => (await import("./state-latency/measure-limits.js")).measureStateLimits,
};

/** The code that measures a question. Throws when there is none. */
export async function measureOf(question: string): Promise<Measure> {
  const load = measures[question];
  if (load === undefined) throw new Error(`nothing measures ${question} on our systems`);
  return load();
}

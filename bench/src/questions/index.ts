import type { Question } from "../question.js";
import { checkpoint } from "./checkpoint.js";
import { indexMemory } from "./index-memory.js";
import { job } from "./job.js";
import { latency } from "./latency.js";
import { memory } from "./memory.js";
import { nodePeers } from "./node-peers.js";
import { rescale } from "./rescale.js";
import { restore } from "./restore.js";
import { stateLatency } from "./state-latency.js";
import { stateLimits } from "./state-limits.js";
import { stateOps } from "./state-ops.js";

/** Every question there is. */
export const questions: readonly Question[] = [
  stateOps, checkpoint, restore, rescale, latency, job, memory, indexMemory, stateLatency, stateLimits, nodePeers,
];

import type { Question } from "../question.js";
import { stateLatency } from "./state-latency.js";
import { stateLimits } from "./state-limits.js";
import { stateOps } from "./state-ops.js";

/** Every question there is. */
export const questions: readonly Question[] = [stateOps, stateLatency, stateLimits];

import { join } from "node:path";
import { bytes, int64, valueState } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import { isRecordValue } from "../checkpointed-job/record-value.js";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { budgetedBackend } from "../state/budgeted-backend.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild } from "../state/own-systems.js";
import { load, phase, reader, type Run, takeCheckpoint, updater } from "./memory-run.js";
import { residentBytes } from "./process-memory.js";

/**
 * Resident memory of a process with a store far larger than its budget, above the same process with the store open and empty: the most
 * in phases of uniform updates, uniform reads, and updates under checkpoints. Throws WrongResultError.
 */
export async function measureMemory(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const directory = settings.text("directory");
  const budgetBytes = settings.number("budgetBytes");
  const backend = budgetedBackend(settings.text("system"), join(directory, "working"), budgetBytes);
  const state = await CheckpointedState.open(backend, directory, int64(), nowMs);
  try {
    emit({ build: describeBuild(settings.text("system")) });
    const run: Run = {
      state,
      values: state.keyed.getState(valueState("value", bytes())),
      keyCount: settings.number("keys"),
      value: new Uint8Array(settings.number("valueBytes")),
      seed: settings.number("seed"),
      operations: settings.number("operations"),
      lookBytes: residentBytes,
    };
    globalThis.gc?.();
    const baseBytes = await residentBytes();
    await load(run);
    const peaks: Record<string, number> = {};
    peaks["updatePeakBytes"] = await phase(run, updater(run));
    peaks["readPeakBytes"] = await phase(run, reader(run));
    peaks["checkpointPeakBytes"] = await underCheckpoints(run);
    emit({ baseBytes, budgetBytes, ...peaks, peakBytes: Math.max(...Object.values(peaks)) });
    emit({ metrics: state.keyed.metrics?.() });
    emit({ checked: verify(run, settings.number("checks")) });
  } finally {
    await state.close();
  }
}

/** Updates while one checkpoint follows the other. */
async function underCheckpoints(run: Run): Promise<number> {
  const over = new AbortController();
  const checkpoints = checkpointUntil(run.state, over.signal);
  // A failure is thrown below; until then it is not unhandled.
  checkpoints.catch(() => undefined);
  try {
    return await phase(run, updater(run));
  } finally {
    over.abort();
    await checkpoints;
  }
}

async function checkpointUntil(state: CheckpointedState<number>, over: AbortSignal): Promise<void> {
  while (!over.aborted) await takeCheckpoint(state);
}

/** The keys that were updated first hold version 1; any other key holds version 0 or 1. */
function verify({ state, values, keyCount, value, seed, operations }: Run, checks: number): number {
  const updated = new SeededRandom(seed);
  const any = new SeededRandom(seed + 2);
  const count = Math.min(checks, operations);
  const holds = (key: number, version: number): boolean => {
    state.keyed.setCurrentKey(key);
    return isRecordValue(values.value(), key, version, value);
  };
  for (let check = 0; check < count; check += 1) {
    const key = updated.below(keyCount);
    if (!holds(key, 1)) throw new WrongResultError(`key ${key} does not hold its value of version 1`);
    const other = any.below(keyCount);
    if (!holds(other, 0) && !holds(other, 1)) throw new WrongResultError(`key ${other} holds a value it never had`);
  }
  return 2 * count;
}

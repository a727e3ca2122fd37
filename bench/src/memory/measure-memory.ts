import { join } from "node:path";
import { bytes, int64, type KeyedStateBackend, type ValueState, valueState, yieldTurn } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import type { IndexAndFilters } from "@tidemark/state-rocksdb";
import { fillRecordValue, isRecordValue } from "../checkpointed-job/record-value.js";
import { pause } from "../pause.js";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import { budgetedBackend } from "../state/budgeted-backend.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { describeBuild } from "../state/own-systems.js";
import { residentBytes } from "./process-memory.js";

const places: readonly IndexAndFilters[] = ["partitioned", "charged", "outside"];
const settleMaxMs = 60_000;
const settleLookMs = 100;
/** Looks in a row without a compaction. */
const idleLooks = 10;
/** Operations between two turns of the event loop. */
const batch = 1_000;
/** Operations between two looks at the memory. */
const operationsPerLook = 50_000;

interface Run {
  readonly state: CheckpointedState<number>;
  readonly values: ValueState<Uint8Array>;
  readonly keyCount: number;
  /** Every value is made in this array: RocksDB takes bytes, not the array, and garbage is none of what is measured. */
  readonly value: Uint8Array;
  readonly seed: number;
  readonly operations: number;
  readonly lookBytes: () => Promise<number>;
}

/**
 * Resident memory of a process with a store far larger than its budget, above the same process with the store open and empty: the most
 * in phases of uniform updates, uniform reads, and updates under checkpoints. Throws WrongResultError.
 */
export async function measureMemory(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  const directory = settings.text("directory");
  const budgetBytes = settings.number("budgetBytes");
  const database = { indexAndFilters: placeOf(settings.text("indexAndFilters")) };
  const backend = budgetedBackend(settings.text("system"), join(directory, "working"), budgetBytes, database);
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
    await settled(state.keyed, nowMs);
    const startMs = nowMs();
    peaks["readPeakBytes"] = await phase(run, reader(run));
    const readsPerSecond = (run.operations * 1_000) / (nowMs() - startMs);
    peaks["checkpointPeakBytes"] = await underCheckpoints(run);
    emit({ baseBytes, budgetBytes, ...peaks, peakBytes: Math.max(...Object.values(peaks)), readsPerSecond });
    emit({ metrics: state.keyed.metrics?.() });
    emit({ checked: verify(run, settings.number("checks")) });
  } finally {
    await state.close();
  }
}

async function load({ state, values, keyCount, value }: Run): Promise<void> {
  for (let key = 0; key < keyCount; key += 1) {
    state.keyed.setCurrentKey(key);
    values.update(fillRecordValue(value, key, 0));
    if (key % batch === 0) await yieldTurn();
  }
  await takeCheckpoint(state);
}

/** Waits for compactions, which would take turns with reads on the processor; not for ever, since some stay due. */
async function settled(keyed: KeyedStateBackend<number>, nowMs: () => number): Promise<void> {
  const endMs = nowMs() + settleMaxMs;
  for (let idle = 0; idle < idleLooks && nowMs() < endMs; idle += 1) {
    await pause(settleLookMs);
    if ((keyed.metrics?.()["runningCompactions"] ?? 0) > 0) idle = 0;
  }
}

function placeOf(text: string): IndexAndFilters {
  const place = places.find((candidate) => candidate === text);
  if (place === undefined) throw new Error(`indexAndFilters is none of ${places.join(", ")}: ${text}`);
  return place;
}

/** Runs the operations of a phase. Returns the most memory seen. */
async function phase({ operations, lookBytes }: Run, operate: () => void): Promise<number> {
  let peakBytes = 0;
  for (let operation = 1; operation <= operations; operation += 1) {
    operate();
    if (operation % batch === 0) await yieldTurn();
    if (operation % operationsPerLook === 0 || operation === operations) peakBytes = Math.max(peakBytes, await lookBytes());
  }
  return peakBytes;
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

async function takeCheckpoint(state: CheckpointedState<number>): Promise<void> {
  const snapshot = await (await state.begin()).fix();
  await snapshot.complete();
}

/** Gives uniformly random keys version 1: doing it twice changes nothing, so that what was done can be checked without a list of it. */
function updater({ state, values, keyCount, value, seed }: Run): () => void {
  const random = new SeededRandom(seed);
  return () => {
    const key = random.below(keyCount);
    state.keyed.setCurrentKey(key);
    values.update(fillRecordValue(value, key, 1));
  };
}

function reader({ state, values, keyCount, value, seed }: Run): () => void {
  const random = new SeededRandom(seed + 1);
  return () => {
    const key = random.below(keyCount);
    state.keyed.setCurrentKey(key);
    if (values.value()?.length !== value.length) throw new WrongResultError(`key ${key} has no value of ${value.length} bytes`);
  };
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

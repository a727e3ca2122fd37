import { type KeyedStateBackend, type ValueState, yieldTurn } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import { fillRecordValue } from "../checkpointed-job/record-value.js";
import { pause } from "../pause.js";
import { WrongResultError } from "../question.js";
import type { CheckpointedState } from "../state/checkpointed-state.js";

const settleMaxMs = 60_000;
const settleLookMs = 100;
/** Looks in a row without a compaction. */
const idleLooks = 10;
/** Operations between two turns of the event loop. */
const batch = 1_000;
/** Operations between two looks at the memory. */
const operationsPerLook = 50_000;

/** A state that is larger than its budget, and what is done to it. */
export interface Run {
  readonly state: CheckpointedState<number>;
  readonly values: ValueState<Uint8Array>;
  readonly keyCount: number;
  /** Every value is made in this array: RocksDB takes bytes, not the array, and garbage is none of what is measured. */
  readonly value: Uint8Array;
  readonly seed: number;
  readonly operations: number;
  readonly lookBytes: () => Promise<number>;
}

/** Gives every key its value of version 0, and checkpoints it. */
export async function load({ state, values, keyCount, value }: Run): Promise<void> {
  for (let key = 0; key < keyCount; key += 1) {
    state.keyed.setCurrentKey(key);
    values.update(fillRecordValue(value, key, 0));
    if (key % batch === 0) await yieldTurn();
  }
  await takeCheckpoint(state);
}

/** Waits for compactions, which would take turns with reads on the processor; not for ever, since some stay due. */
export async function settled(keyed: KeyedStateBackend<number>, nowMs: () => number): Promise<void> {
  const endMs = nowMs() + settleMaxMs;
  for (let idle = 0; idle < idleLooks && nowMs() < endMs; idle += 1) {
    await pause(settleLookMs);
    if ((keyed.metrics?.()["runningCompactions"] ?? 0) > 0) idle = 0;
  }
}

/** Runs the operations of a phase. Returns the most memory seen. */
export async function phase({ operations, lookBytes }: Run, operate: () => void): Promise<number> {
  let peakBytes = 0;
  for (let operation = 1; operation <= operations; operation += 1) {
    operate();
    if (operation % batch === 0) await yieldTurn();
    if (operation % operationsPerLook === 0 || operation === operations) peakBytes = Math.max(peakBytes, await lookBytes());
  }
  return peakBytes;
}

/** Resolves when a checkpoint is announced. */
export async function takeCheckpoint(state: CheckpointedState<number>): Promise<void> {
  const snapshot = await (await state.begin()).fix();
  await snapshot.complete();
}

/** Gives uniformly random keys version 1: doing it twice changes nothing, so that what was done can be checked without a list of it. */
export function updater({ state, values, keyCount, value, seed }: Run): () => void {
  const random = new SeededRandom(seed);
  return () => {
    const key = random.below(keyCount);
    state.keyed.setCurrentKey(key);
    values.update(fillRecordValue(value, key, 1));
  };
}

/** Reads uniformly random keys. Throws WrongResultError where one has no value. */
export function reader({ state, values, keyCount, value, seed }: Run): () => void {
  const random = new SeededRandom(seed + 1);
  return () => {
    const key = random.below(keyCount);
    state.keyed.setCurrentKey(key);
    if (values.value()?.length !== value.length) throw new WrongResultError(`key ${key} has no value of ${value.length} bytes`);
  };
}

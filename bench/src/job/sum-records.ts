/** A record of the running sum. */
export interface SumRecord {
  readonly key: number;
  readonly value: number;
}

/** Values are 0 to 999, over and over. */
const valueCount = 1_000;
const step = 0x6d2b79f5;

/**
 * The record at an index: a uniformly random key and a value. The keys are those that a SeededRandom of this seed draws, computed from
 * the index, so that a source can go on anywhere. Flink's side makes the same ones.
 */
export function sumRecord(index: number, seed: number, keyCount: number): SumRecord {
  return { key: randomKey(index, seed, keyCount), value: index % valueCount };
}

function randomKey(index: number, seed: number, keyCount: number): number {
  const state = (seed + Math.imul(index + 1, step)) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % keyCount;
}

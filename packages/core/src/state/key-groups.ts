import { StateError } from "../errors/index.js";

/** Key groups of a job unless configured otherwise. Fixed for the life of its state. */
export const defaultMaxParallelism = 128;

/** Key groups take 15 bits. */
export const largestMaxParallelism = 32_768;

/** Key groups from `first` to `last`, both inclusive. */
export interface KeyGroupRange {
  readonly first: number;
  readonly last: number;
}

/**
 * MurmurHash3, the 32-bit variant for x86 by Austin Appleby, over `bytes[start .. end)`: an unsigned 32-bit integer.
 * Stored state depends on it; it may never change. Allocates nothing.
 */
export function murmur3(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  return signedMurmur3(bytes, start, end, seed) >>> 0;
}

/** The same 32 bits as a signed integer, which engines keep without making an object for it. For what runs once a record. */
export function signedMurmur3(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let hash = seed;
  let at = start;
  for (const blocksEnd = start + ((end - start) & ~3); at < blocksEnd; at += 4) {
    const block =
      (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    hash ^= scrambled(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  }
  const tailBytes = end - at;
  if (tailBytes > 0) {
    let tail = bytes[at] as number;
    if (tailBytes > 1) tail |= (bytes[at + 1] as number) << 8;
    if (tailBytes > 2) tail |= (bytes[at + 2] as number) << 16;
    hash ^= scrambled(tail);
  }
  hash ^= end - start;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}

/** The key group of a key by the murmur3 hash of its encoding. Unchecked: it runs once a record. */
export function keyGroupOf(hash: number, maxParallelism: number): number {
  return (hash >>> 0) % maxParallelism;
}

/** Throws INVALID_ARGUMENT unless `maxParallelism` is a whole number from 1 to 32,768. */
export function checkMaxParallelism(maxParallelism: number): void {
  if (!Number.isInteger(maxParallelism) || maxParallelism < 1 || maxParallelism > largestMaxParallelism) {
    const range = `a whole number from 1 to ${largestMaxParallelism}`;
    throw new StateError("INVALID_ARGUMENT", `max parallelism must be ${range}, got ${String(maxParallelism)}`);
  }
}

function checkParallelism(parallelism: number, maxParallelism: number): void {
  checkMaxParallelism(maxParallelism);
  if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > maxParallelism) {
    const range = `a whole number from 1 to max parallelism (${maxParallelism})`;
    throw new StateError("INVALID_ARGUMENT", `parallelism must be ${range}, got ${String(parallelism)}`);
  }
}

/**
 * The key groups of one of `parallelism` subtasks, counted from 0. Ranges follow each other without gaps and differ in
 * size by at most one. The division is Flink's (KeyGroupRangeAssignment). Throws INVALID_ARGUMENT.
 */
export function keyGroupRangeOf(subtask: number, parallelism: number, maxParallelism: number): KeyGroupRange {
  checkParallelism(parallelism, maxParallelism);
  if (!Number.isInteger(subtask) || subtask < 0 || subtask >= parallelism) {
    throw new StateError("INVALID_ARGUMENT", `subtask must be a whole number from 0 to ${parallelism - 1}, got ${String(subtask)}`);
  }
  return {
    first: Math.ceil((subtask * maxParallelism) / parallelism),
    last: Math.floor(((subtask + 1) * maxParallelism - 1) / parallelism),
  };
}

/** The subtask that has a key group: the inverse of `keyGroupRangeOf`. Throws INVALID_ARGUMENT. */
export function subtaskOf(keyGroup: number, parallelism: number, maxParallelism: number): number {
  checkParallelism(parallelism, maxParallelism);
  if (!Number.isInteger(keyGroup) || keyGroup < 0 || keyGroup >= maxParallelism) {
    throw new StateError("INVALID_ARGUMENT", `key group must be a whole number from 0 to ${maxParallelism - 1}, got ${String(keyGroup)}`);
  }
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}

/** How many key groups a range has. */
export function keyGroupCount(range: KeyGroupRange): number {
  return range.last - range.first + 1;
}

/** True where `range` has `keyGroup`. */
export function hasKeyGroup(range: KeyGroupRange, keyGroup: number): boolean {
  return keyGroup >= range.first && keyGroup <= range.last;
}

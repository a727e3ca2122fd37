import { StateError } from "../errors/index.js";
import type { ByteSource } from "./serializers/byte-source.js";

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
    hash = withBlock(hash, block);
  }
  return finished(at < end ? hash ^ scrambledTail(bytes, at, end) : hash, end - start);
}

/** The same hash of bytes with a view over all of them, read word by word: half the work for a key of eight bytes. */
export function signedMurmur3Of({ bytes, view }: ByteSource, start: number, end: number): number {
  // Most keys have eight bytes.
  if (end - start === 8) return finished(withBlock(withBlock(0, view.getInt32(start, true)), view.getInt32(start + 4, true)), 8);
  let hash = 0;
  let at = start;
  for (const blocksEnd = start + ((end - start) & ~3); at < blocksEnd; at += 4) hash = withBlock(hash, view.getInt32(at, true));
  return finished(at < end ? hash ^ scrambledTail(bytes, at, end) : hash, end - start);
}

function withBlock(hash: number, block: number): number {
  const mixed = hash ^ scrambled(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}

/** For the one to three bytes behind the last block. */
function scrambledTail(bytes: Uint8Array, at: number, end: number): number {
  let tail = bytes[at] as number;
  if (end - at > 1) tail |= (bytes[at + 1] as number) << 8;
  if (end - at > 2) tail |= (bytes[at + 2] as number) << 16;
  return scrambled(tail);
}

function finished(hash: number, length: number): number {
  let mixed = hash ^ length;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}

/** The key group of a key by the murmur3 hash of its encoding. Unchecked: it runs once a record. */
export function keyGroupOf(hash: number, maxParallelism: number): number {
  // Integers all of them, so that V8 divides (or masks) integers: the remainder of doubles is by far its slowest arithmetic.
  return ((hash >>> 0) % (maxParallelism >>> 0)) | 0;
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

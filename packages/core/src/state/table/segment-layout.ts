import type { ByteReader } from "../serializers/index.js";
import type { SegmentStore } from "./segment-store.js";

/** Bytes with a view over all of them: a ByteWriter, a ByteReader. */
export interface ByteSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** What came of writing to a segment. `full`: nothing was written. */
export const replaced = 0;
export const inserted = 1;
export const full = 2;
export type PutOutcome = typeof replaced | typeof inserted | typeof full;

/**
 * How entries lie in a segment. A `position` is the 32-bit number that decides where an entry goes; an `at` is the place of an entry
 * in its segment's chunk, and -1 is none. Callers write only to segments that no freeze holds.
 */
export interface SegmentLayout {
  readonly store: SegmentStore;
  /** Memory in use outside of segments: of slots and of large entries. */
  readonly outsideBytes: number;
  /** Memory taken from the process: chunks of segments and slots, whether used or not, and large entries. */
  readonly reservedBytes: number;
  /** Where the entry of a key begins, or -1. */
  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number;
  put(
    segment: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome;
  /** Removes the entry that `find` found in this segment. */
  remove(segment: number, at: number, position: number): void;
  /** Makes a reader stand at the value of an entry. */
  readValue(segment: number, at: number, value: ByteReader): void;
  /** Makes sure that the value of an entry may be written where it is. Throws NO_MEMORY; the contents are the same then. */
  own(segment: number, at: number): void;
  /** Gives the value of an entry another length; bytes up to the shorter one stay. False where it has no room for that. */
  resize(segment: number, at: number, valueBytes: number): boolean;
  /** Makes a reader stand at the key of an entry. */
  readKey(segment: number, at: number, key: ByteReader): void;
  /** The first slot from `slot` on that has an entry, or -1. */
  nextSlot(segment: number, slot: number): number;
  /** Where the entry of a slot begins. */
  atSlot(segment: number, slot: number): number;
  /** A new segment for the entries of `like` and `also` or for some of them. */
  allocate(depth: number, like?: number, also?: number): number;
  copy(segment: number): number;
  /** Moves an entry to another segment, which has room for it. */
  move(from: number, at: number, to: number, position: number): void;
  /** True where making the segment anew gives room, so that it need not be split. */
  isWorthRebuilding(segment: number): boolean;
  /** True where the entries of both fill a segment by less than half. */
  fitTogether(left: number, right: number): boolean;
  /** A freeze ended: forgets what no other holds outside of segments. */
  releaseUnheld(): void;
}

/** Points a reader at a part of bytes without making a new view. */
export function pointAt(reader: ByteReader, bytes: Uint8Array, view: DataView, start: number, end: number): void {
  reader.bytes = bytes;
  reader.view = view;
  reader.position = start;
  reader.end = end;
}

/** A second mix of the position: its high half picks the slot, other bits the tag. */
export function probeOf(position: number): number {
  return Math.imul(position ^ (position >>> 15), 0x85eb_ca6b);
}

/** Copies a few bytes; from some 32 on the engine's own copy is faster than a loop. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > 32) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from += 1, to += 1) target[to] = source[from] as number;
}

/** The same where there are views: word by word, which is faster up to some 200 bytes. */
export function copyRange(source: ByteSource, start: number, end: number, target: Uint8Array, targetView: DataView, at: number): void {
  if (end - start > 192) target.set(source.bytes.subarray(start, end), at);
  else copyWords(source.view, start, end - start, targetView, at);
}

/** The same for a few words, without looking how many. */
export function copyWords(source: DataView, start: number, length: number, target: DataView, at: number): void {
  const words = length & ~3;
  let offset = 0;
  for (; offset < words; offset += 4) {
    // Read before the call: V8 makes no call of the writing only where nothing comes between finding the method and calling it.
    const word = source.getInt32(start + offset, true);
    target.setInt32(at + offset, word, true);
  }
  for (; offset < length; offset += 1) {
    const byte = source.getUint8(start + offset);
    target.setUint8(at + offset, byte);
  }
}

/** True where `length` bytes are equal, for keys of a few words. */
export function sameWords(left: DataView, leftStart: number, right: DataView, rightStart: number, length: number): boolean {
  const words = length & ~3;
  let offset = 0;
  for (; offset < words; offset += 4) {
    if (left.getInt32(leftStart + offset, true) !== right.getInt32(rightStart + offset, true)) return false;
  }
  for (; offset < length; offset += 1) if (left.getUint8(leftStart + offset) !== right.getUint8(rightStart + offset)) return false;
  return true;
}

import type { ByteSource } from "../serializers/byte-source.js";
import type { ByteReader } from "../serializers/index.js";
import type { SegmentStore } from "./segment-store.js";

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
  /** Puts bytes behind the value of an entry, which moves within its segment. False where it has no room for that, or always. */
  extend(segment: number, at: number, position: number, tail: ByteSource, tailStart: number, tailEnd: number): boolean;
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

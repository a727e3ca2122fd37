import type { ByteSource } from "../serializers/byte-source.js";

/**
 * Finds the entries of a segment by key: an array of slots at its beginning, so that a search stays within a few neighbouring pages of
 * memory. How many there are is in SegmentStore.slotBits; they are free where the segment's bytes are 0. An entry is named by its offset
 * in the segment, which is never 0.
 */
export interface SlotIndex {
  /** Bytes of an array of 2^bits slots; the entries begin behind it. */
  arrayBytes(bits: number): number;
  /** The offset of a key's entry, or 0. */
  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number;
  /** Adds the entry of a key that has none. The segment has a free slot. */
  add(segment: number, position: number, offset: number, key: ByteSource, keyStart: number): void;
  /** The entry at `offset` lies at `newOffset` now. */
  move(segment: number, position: number, offset: number, newOffset: number): void;
  remove(segment: number, position: number, offset: number): void;
  /** The first slot from `slot` on that has an entry, or -1. */
  nextSlot(segment: number, slot: number): number;
  /** The entry of a slot. */
  offsetAt(segment: number, slot: number): number;
}

import type { ByteSource } from "../serializers/byte-source.js";
import { probeOf } from "./segment-layout.js";
import { allocateBytes } from "./segment-store.js";
import { groupSlots, highestBit, matchTags, tagOf } from "./tag-groups.js";

// As constants of this module the engine calls them without a check; an import it loads and checks at each call.
const probe32 = probeOf;
const tagOfProbe = tagOf;
const slotsWithTag = matchTags;
const lastOf = highestBit;

const tagsBytes = groupSlots;
const offsetBytes = 2;
const groupBytes = tagsBytes + groupSlots * offsetBytes;
/** log2 of the slots of a group. */
const slotBits = 3;
/** Bits that say how many groups an array has: some thousands at most. */
const sizeBits = 4;
const sizeMask = (1 << sizeBits) - 1;

/** Arrays lie in chunks of so many groups, 192 KiB, each within one. */
const chunkShift = 13;
const chunkMask = (1 << chunkShift) - 1;

/** The entries that slots are for, each named by its offset in its segment, which is never 0. */
export interface SlottedEntries {
  hasKey(segment: number, offset: number, key: ByteSource, keyStart: number, keyEnd: number): boolean;
  positionAt(segment: number, offset: number): number;
}

/**
 * Finds the entries of a segment by key: an array of slots for each segment, in groups of eight: `tag (1) x 8 | offset of the entry (2)
 * x 8`. A search goes from group to group and ends in one that has a free slot (tag 0). The arrays of all segments lie close together,
 * away from the entries: at some five bytes an entry they stay in the processor's cache when the entries do not, so that a look-up waits
 * for memory once.
 */
export class SlotIndex {
  readonly #entries: SlottedEntries;
  readonly #reserve: (extraBytes: number) => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  /** By segment, in one number so that a search reads one: its first group, times 16, and log2 of its groups. 0 where it has no slots. */
  #arrays = new Uint32Array(16);
  /** First groups of arrays that were given back, by log2 of their slots. */
  readonly #free: number[][] = [];
  /** Groups that were ever used. */
  #touched = 0;
  #usedBytes = 0;

  /** `reserve` is asked before memory is taken, except for the first chunk. */
  constructor(entries: SlottedEntries, reserve: (extraBytes: number) => void) {
    this.#entries = entries;
    this.#reserve = reserve;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get reservedBytes(): number {
    return this.#chunks.length * (groupBytes << chunkShift);
  }

  /** log2 of the slots of a segment, 0 where it has none. */
  bitsOf(segment: number): number {
    const array = this.#arrays[segment] ?? 0;
    return array === 0 ? 0 : (array & sizeMask) + slotBits;
  }

  /** Gives a segment that has none 2^bits free slots, 16 at least. Throws NO_MEMORY. */
  allocate(segment: number, bits: number): void {
    const start = this.#free[bits]?.pop() ?? this.#touch(1 << (bits - slotBits));
    const at = (start & chunkMask) * groupBytes;
    (this.#chunks[start >>> chunkShift] as Uint8Array).fill(0, at, at + arrayBytes(bits));
    this.#growArrays(segment);
    this.#arrays[segment] = (start << sizeBits) | (bits - slotBits);
    this.#usedBytes += arrayBytes(bits);
  }

  /** Gives a segment that has none the slots of another one, whose copy it is. Throws NO_MEMORY. */
  copy(from: number, to: number): void {
    const bits = this.bitsOf(from);
    this.allocate(to, bits);
    const source = this.#startOf(from);
    const target = this.#startOf(to);
    const at = (source & chunkMask) * groupBytes;
    const bytes = (this.#chunks[source >>> chunkShift] as Uint8Array).subarray(at, at + arrayBytes(bits));
    (this.#chunks[target >>> chunkShift] as Uint8Array).set(bytes, (target & chunkMask) * groupBytes);
  }

  /** Takes the slots of a segment back, if it has any. */
  release(segment: number): void {
    const bits = this.bitsOf(segment);
    if (bits === 0) return;
    (this.#free[bits] ??= []).push(this.#startOf(segment));
    this.#arrays[segment] = 0;
    this.#usedBytes -= arrayBytes(bits);
  }

  /** The offset of a key's entry, or 0. */
  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const array = this.#arrays[segment] as number;
    const view = this.#views[array >>> (sizeBits + chunkShift)] as DataView;
    const start = ((array >>> sizeBits) & chunkMask) * groupBytes;
    const mask = (1 << (array & sizeMask)) - 1;
    const probe = probe32(position);
    const tag = tagOfProbe(probe);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = start + (group & mask) * groupBytes;
      const low = view.getInt32(tags, true);
      const high = view.getInt32(tags + 4, true);
      for (let matches = slotsWithTag(low, high, tag); matches !== 0; ) {
        const slot = lastOf(matches);
        const offset = view.getUint16(tags + tagsBytes + slot * offsetBytes, true);
        if (this.#entries.hasKey(segment, offset, key, keyStart, keyEnd)) return offset;
        matches ^= 1 << slot;
      }
      if (slotsWithTag(low, high, 0) !== 0) return 0;
    }
  }

  /** Adds an entry whose key has none. The segment has a free slot. */
  add(segment: number, position: number, offset: number): void {
    const view = this.#viewOf(segment);
    const probe = probeOf(position);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = this.#groupAt(segment, group);
      const free = freeSlots(view, tags);
      if (free === 0) continue;
      const slot = highestBit(free);
      view.setUint8(tags + slot, tagOf(probe));
      view.setUint16(tags + tagsBytes + slot * offsetBytes, offset, true);
      return;
    }
  }

  /** The entry at `offset` lies at `newOffset` now. */
  move(segment: number, position: number, offset: number, newOffset: number): void {
    const slot = this.#slotOf(segment, position, offset);
    this.#viewOf(segment).setUint16(this.#offsetAt(segment, slot), newOffset, true);
  }

  /** Where the group was full, the entries that had to go past it are added anew, so that a search still ends at a free slot. */
  remove(segment: number, position: number, offset: number): void {
    const view = this.#viewOf(segment);
    const slot = this.#slotOf(segment, position, offset);
    let group = slot >>> 3;
    let wasFull = freeSlots(view, this.#groupAt(segment, group)) === 0;
    view.setUint8(this.#groupAt(segment, group) + (slot & 7), 0);
    while (wasFull) {
      group += 1;
      const tags = this.#groupAt(segment, group);
      wasFull = freeSlots(view, tags) === 0;
      for (let inGroup = 0; inGroup < groupSlots; inGroup += 1) {
        if (view.getUint8(tags + inGroup) === 0) continue;
        const moved = view.getUint16(tags + tagsBytes + inGroup * offsetBytes, true);
        view.setUint8(tags + inGroup, 0);
        this.add(segment, this.#entries.positionAt(segment, moved), moved);
      }
    }
  }

  /** The first slot from `slot` on that has an entry, or -1. */
  nextSlot(segment: number, slot: number): number {
    const view = this.#viewOf(segment);
    const slots = 1 << this.bitsOf(segment);
    for (let next = slot; next < slots; next += 1) {
      if (view.getUint8(this.#groupAt(segment, next >>> 3) + (next & 7)) !== 0) return next;
    }
    return -1;
  }

  /** The entry of a slot. */
  entryAt(segment: number, slot: number): number {
    return this.#viewOf(segment).getUint16(this.#offsetAt(segment, slot), true);
  }

  #slotOf(segment: number, position: number, offset: number): number {
    const view = this.#viewOf(segment);
    const probe = probeOf(position);
    const mask = this.#maskOf(segment);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = this.#groupAt(segment, group);
      const matches = matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), tagOf(probe));
      for (let rest = matches; rest !== 0; rest ^= 1 << highestBit(rest)) {
        const slot = ((group & mask) << 3) + highestBit(rest);
        if (this.entryAt(segment, slot) === offset) return slot;
      }
    }
  }

  #viewOf(segment: number): DataView {
    return this.#views[this.#startOf(segment) >>> chunkShift] as DataView;
  }

  /** Where a group begins in its chunk. */
  #groupAt(segment: number, group: number): number {
    return ((this.#startOf(segment) & chunkMask) + (group & this.#maskOf(segment))) * groupBytes;
  }

  #offsetAt(segment: number, slot: number): number {
    return this.#groupAt(segment, slot >>> 3) + tagsBytes + (slot & 7) * offsetBytes;
  }

  #maskOf(segment: number): number {
    return (1 << ((this.#arrays[segment] as number) & sizeMask)) - 1;
  }

  #startOf(segment: number): number {
    return (this.#arrays[segment] as number) >>> sizeBits;
  }

  /** The first of so many groups beside each other in one chunk, a power of two. What is skipped to align them is used by no array. */
  #touch(groups: number): number {
    const start = Math.ceil(this.#touched / groups) * groups;
    if (start >>> chunkShift === this.#chunks.length) {
      const sizeBytes = groupBytes << chunkShift;
      if (this.#chunks.length > 0) this.#reserve(sizeBytes);
      const chunk = allocateBytes(sizeBytes);
      this.#chunks.push(chunk);
      this.#views.push(new DataView(chunk.buffer));
    }
    this.#touched = start + groups;
    return start;
  }

  #growArrays(segment: number): void {
    const arrays = this.#arrays;
    if (segment >= arrays.length) (this.#arrays = new Uint32Array(arrays.length * 2)).set(arrays);
  }
}

function arrayBytes(bits: number): number {
  return groupBytes << (bits - slotBits);
}

/** A bit for each free slot of a group. */
function freeSlots(view: DataView, tags: number): number {
  return matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), 0);
}

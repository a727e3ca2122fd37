import type { ByteSource } from "../serializers/byte-source.js";
import { probeOf } from "./segment-layout.js";
import { allocateBytes } from "./segment-store.js";
import { groupSlots, lowestBit, matchTags, tagOf } from "./tag-groups.js";

const tagsBytes = groupSlots;
const offsetBytes = 2;
const groupBytes = tagsBytes + groupSlots * offsetBytes;

/** Arrays lie in chunks of so many groups, 192 KiB, each within one. */
const chunkShift = 13;
const chunkMask = 2 ** chunkShift - 1;

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
  /** By segment: log2 of its slots, 0 where it has none, and its first group. */
  #bits = new Uint8Array(16);
  #starts = new Uint32Array(16);
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

  /** log2 of the slots of a segment. */
  bitsOf(segment: number): number {
    return this.#bits[segment] as number;
  }

  /** Gives a segment that has none 2^bits free slots. Throws NO_MEMORY. */
  allocate(segment: number, bits: number): void {
    const start = this.#free[bits]?.pop() ?? this.#touch(2 ** (bits - 3));
    const at = (start & chunkMask) * groupBytes;
    (this.#chunks[start >>> chunkShift] as Uint8Array).fill(0, at, at + arrayBytes(bits));
    this.#growArrays(segment);
    this.#bits[segment] = bits;
    this.#starts[segment] = start;
    this.#usedBytes += arrayBytes(bits);
  }

  /** Gives a segment that has none the slots of another one, whose copy it is. Throws NO_MEMORY. */
  copy(from: number, to: number): void {
    const bits = this.bitsOf(from);
    this.allocate(to, bits);
    const source = this.#starts[from] as number;
    const target = this.#starts[to] as number;
    const at = (source & chunkMask) * groupBytes;
    const bytes = (this.#chunks[source >>> chunkShift] as Uint8Array).subarray(at, at + arrayBytes(bits));
    (this.#chunks[target >>> chunkShift] as Uint8Array).set(bytes, (target & chunkMask) * groupBytes);
  }

  /** Takes the slots of a segment back, if it has any. */
  release(segment: number): void {
    const bits = this.#bits[segment] ?? 0;
    if (bits === 0) return;
    this.#bits[segment] = 0;
    this.#usedBytes -= arrayBytes(bits);
    (this.#free[bits] ??= []).push(this.#starts[segment] as number);
  }

  /** The offset of a key's entry, or 0. */
  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const first = this.#starts[segment] as number;
    const view = this.#views[first >>> chunkShift] as DataView;
    const mask = (1 << ((this.#bits[segment] as number) - 3)) - 1;
    const probe = probeOf(position);
    const tag = tagOf(probe);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = ((first & chunkMask) + (group & mask)) * groupBytes;
      const low = view.getInt32(tags, true);
      const high = view.getInt32(tags + 4, true);
      for (let matches = matchTags(low, high, tag); matches !== 0; matches &= matches - 1) {
        const offset = view.getUint16(tags + tagsBytes + lowestBit(matches) * offsetBytes, true);
        if (this.#entries.hasKey(segment, offset, key, keyStart, keyEnd)) return offset;
      }
      if (matchTags(low, high, 0) !== 0) return 0;
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
      const slot = lowestBit(free);
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
      for (let rest = matches; rest !== 0; rest &= rest - 1) {
        const slot = ((group & mask) << 3) + lowestBit(rest);
        if (this.entryAt(segment, slot) === offset) return slot;
      }
    }
  }

  #viewOf(segment: number): DataView {
    return this.#views[(this.#starts[segment] as number) >>> chunkShift] as DataView;
  }

  /** Where a group begins in its chunk. */
  #groupAt(segment: number, group: number): number {
    return (((this.#starts[segment] as number) & chunkMask) + (group & this.#maskOf(segment))) * groupBytes;
  }

  #offsetAt(segment: number, slot: number): number {
    return this.#groupAt(segment, slot >>> 3) + tagsBytes + (slot & 7) * offsetBytes;
  }

  #maskOf(segment: number): number {
    return (1 << (this.bitsOf(segment) - 3)) - 1;
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
    if (segment < this.#bits.length) return;
    const [bits, starts] = [this.#bits, this.#starts];
    (this.#bits = new Uint8Array(bits.length * 2)).set(bits);
    (this.#starts = new Uint32Array(starts.length * 2)).set(starts);
  }
}

function arrayBytes(bits: number): number {
  return groupBytes << (bits - 3);
}

/** A bit for each free slot of a group. */
function freeSlots(view: DataView, tags: number): number {
  return matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), 0);
}

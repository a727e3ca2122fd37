import { type ByteSource, copyWords, sameWords } from "../serializers/byte-source.js";
import { probeOf } from "./segment-layout.js";
import type { SegmentStore } from "./segment-store.js";
import type { SlotIndex } from "./slot-index.js";
import { groupSlots, lowestBit, matchTags, tagOf } from "./tag-groups.js";

/** Longer keys are compared in their entries instead. */
export const slotKeyMaxBytes = 64;

const tagsBytes = groupSlots;
const offsetBytes = 2;

/**
 * For keys of one size: groups of eight slots, `tag (1) x 8 | (key | offset (2)) x 8`, so that one access to memory tells whether a key
 * has an entry and where. A search goes from group to group and ends in one that has a free slot (tag 0).
 */
export class KeySlots implements SlotIndex {
  readonly #store: SegmentStore;
  readonly #keyBytes: number;
  readonly #slotBytes: number;
  readonly #groupBytes: number;
  readonly #positionOf: (key: ByteSource, start: number, end: number) => number;

  constructor(store: SegmentStore, keyBytes: number, positionOf: (key: ByteSource, start: number, end: number) => number) {
    this.#store = store;
    this.#keyBytes = keyBytes;
    this.#slotBytes = keyBytes + offsetBytes;
    this.#groupBytes = tagsBytes + groupSlots * (keyBytes + offsetBytes);
    this.#positionOf = positionOf;
  }

  arrayBytes(bits: number): number {
    return this.#groupBytes << (bits - 3);
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const keyBytes = this.#keyBytes;
    if (keyEnd - keyStart !== keyBytes) return 0;
    const store = this.#store;
    const view = store.views[segment >>> store.chunkShift] as DataView;
    const start = (segment & store.chunkMask) * store.segmentBytes;
    const mask = (1 << ((store.slotBits[segment] as number) - 3)) - 1;
    const probe = probeOf(position);
    const tag = tagOf(probe);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = start + (group & mask) * this.#groupBytes;
      const low = view.getInt32(tags, true);
      const high = view.getInt32(tags + 4, true);
      for (let matches = matchTags(low, high, tag); matches !== 0; matches &= matches - 1) {
        const at = tags + tagsBytes + lowestBit(matches) * this.#slotBytes;
        if (sameWords(view, at, key.view, keyStart, keyBytes)) return view.getUint16(at + keyBytes, true);
      }
      if (matchTags(low, high, 0) !== 0) return 0;
    }
  }

  add(segment: number, position: number, offset: number, key: ByteSource, keyStart: number): void {
    const view = this.#store.viewOf(segment);
    const probe = probeOf(position);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = this.#groupAt(segment, group);
      const free = freeSlots(view, tags);
      if (free === 0) continue;
      const slot = lowestBit(free);
      const at = tags + tagsBytes + slot * this.#slotBytes;
      view.setUint8(tags + slot, tagOf(probe));
      copyWords(key.view, keyStart, this.#keyBytes, view, at);
      view.setUint16(at + this.#keyBytes, offset, true);
      return;
    }
  }

  move(segment: number, position: number, offset: number, newOffset: number): void {
    const slot = this.#slotOf(segment, position, offset);
    this.#store.viewOf(segment).setUint16(this.#slotAt(segment, slot) + this.#keyBytes, newOffset, true);
  }

  /** Where the group was full, the entries that had to go past it are added anew, so that a search still ends at a free slot. */
  remove(segment: number, position: number, offset: number): void {
    const view = this.#store.viewOf(segment);
    const slot = this.#slotOf(segment, position, offset);
    let group = slot >>> 3;
    let wasFull = freeSlots(view, this.#groupAt(segment, group)) === 0;
    this.#free(view, segment, slot);
    while (wasFull) {
      group += 1;
      const tags = this.#groupAt(segment, group);
      wasFull = freeSlots(view, tags) === 0;
      for (let inGroup = 0; inGroup < groupSlots; inGroup += 1) {
        if (view.getUint8(tags + inGroup) !== 0) this.#addAnew(view, segment, tags, inGroup);
      }
    }
  }

  nextSlot(segment: number, slot: number): number {
    const view = this.#store.viewOf(segment);
    const slots = 1 << (this.#store.slotBits[segment] as number);
    for (let next = slot; next < slots; next += 1) {
      if (view.getUint8(this.#groupAt(segment, next >>> 3) + (next & 7)) !== 0) return next;
    }
    return -1;
  }

  offsetAt(segment: number, slot: number): number {
    return this.#store.viewOf(segment).getUint16(this.#slotAt(segment, slot) + this.#keyBytes, true);
  }

  #addAnew(view: DataView, segment: number, tags: number, inGroup: number): void {
    const at = tags + tagsBytes + inGroup * this.#slotBytes;
    const key = new Uint8Array(this.#keyBytes);
    const source = { bytes: key, view: new DataView(key.buffer) };
    copyWords(view, at, this.#keyBytes, source.view, 0);
    view.setUint8(tags + inGroup, 0);
    this.add(segment, this.#positionOf(source, 0, this.#keyBytes), view.getUint16(at + this.#keyBytes, true), source, 0);
  }

  #free(view: DataView, segment: number, slot: number): void {
    view.setUint8(this.#groupAt(segment, slot >>> 3) + (slot & 7), 0);
  }

  #slotOf(segment: number, position: number, offset: number): number {
    const view = this.#store.viewOf(segment);
    const mask = this.#maskOf(segment);
    const probe = probeOf(position);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = this.#groupAt(segment, group);
      const matches = matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), tagOf(probe));
      for (let rest = matches; rest !== 0; rest &= rest - 1) {
        const slot = ((group & mask) << 3) + lowestBit(rest);
        if (this.offsetAt(segment, slot) === offset) return slot;
      }
    }
  }

  #slotAt(segment: number, slot: number): number {
    return this.#groupAt(segment, slot >>> 3) + tagsBytes + (slot & 7) * this.#slotBytes;
  }

  #groupAt(segment: number, group: number): number {
    return this.#store.startOf(segment) + (group & this.#maskOf(segment)) * this.#groupBytes;
  }

  #maskOf(segment: number): number {
    return (1 << ((this.#store.slotBits[segment] as number) - 3)) - 1;
  }
}

/** A bit for each free slot of a group. */
function freeSlots(view: DataView, tags: number): number {
  return matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), 0);
}

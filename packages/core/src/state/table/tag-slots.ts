import type { ByteSource } from "../serializers/byte-source.js";
import { probeOf } from "./segment-layout.js";
import type { SegmentStore } from "./segment-store.js";
import type { SlotIndex } from "./slot-index.js";

const slotBytes = 4;

/** Whether the entry at an offset of a segment has a key. */
export type HasKey = (segment: number, offset: number, key: ByteSource, keyStart: number, keyEnd: number) => boolean;

/** For keys of any size: slots of `offset (2) | tag (2)`, found by linear probing. The key itself is compared in the entry. */
export class TagSlots implements SlotIndex {
  readonly #store: SegmentStore;
  readonly #hasKey: HasKey;

  constructor(store: SegmentStore, hasKey: HasKey) {
    this.#store = store;
    this.#hasKey = hasKey;
  }

  arrayBytes(bits: number): number {
    return slotBytes << bits;
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const store = this.#store;
    const view = store.views[segment >>> store.chunkShift] as DataView;
    const start = (segment & store.chunkMask) * store.segmentBytes;
    const mask = (1 << (store.slotBits[segment] as number)) - 1;
    const tag = probeOf(position) >>> 16;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const found = view.getInt32(start + slot * slotBytes, true);
      if (found === 0) return 0;
      if (found >>> 16 === tag && this.#hasKey(segment, found & 0xffff, key, keyStart, keyEnd)) return found & 0xffff;
    }
  }

  add(segment: number, position: number, offset: number): void {
    const mask = this.#maskOf(segment);
    const tag = probeOf(position) >>> 16;
    let slot = tag & mask;
    while (this.#get(segment, slot) !== 0) slot = (slot + 1) & mask;
    this.#set(segment, slot, (tag << 16) | offset);
  }

  move(segment: number, position: number, offset: number, newOffset: number): void {
    const slot = this.#slotOf(segment, position, offset);
    this.#set(segment, slot, (this.#get(segment, slot) & 0xffff_0000) | newOffset);
  }

  remove(segment: number, position: number, offset: number): void {
    const mask = this.#maskOf(segment);
    let hole = this.#slotOf(segment, position, offset);
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#get(segment, slot);
      if (entry === 0) break;
      // It may move only to where probing from its home still passes.
      if (((slot - (entry >>> 16)) & mask) < ((slot - hole) & mask)) continue;
      this.#set(segment, hole, entry);
      hole = slot;
    }
    this.#set(segment, hole, 0);
  }

  nextSlot(segment: number, slot: number): number {
    const slots = 1 << (this.#store.slotBits[segment] as number);
    for (let next = slot; next < slots; next += 1) if (this.#get(segment, next) !== 0) return next;
    return -1;
  }

  offsetAt(segment: number, slot: number): number {
    return this.#get(segment, slot) & 0xffff;
  }

  #slotOf(segment: number, position: number, offset: number): number {
    const mask = this.#maskOf(segment);
    let slot = (probeOf(position) >>> 16) & mask;
    while ((this.#get(segment, slot) & 0xffff) !== offset) slot = (slot + 1) & mask;
    return slot;
  }

  #maskOf(segment: number): number {
    return (1 << (this.#store.slotBits[segment] as number)) - 1;
  }

  #get(segment: number, slot: number): number {
    return this.#store.viewOf(segment).getInt32(this.#store.startOf(segment) + slot * slotBytes, true);
  }

  #set(segment: number, slot: number, entry: number): void {
    this.#store.viewOf(segment).setInt32(this.#store.startOf(segment) + slot * slotBytes, entry, true);
  }
}

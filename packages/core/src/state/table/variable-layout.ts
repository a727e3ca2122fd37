import type { ByteReader } from "../serializers/index.js";
import { LargeEntries } from "./large-entries.js";
import {
  type ByteSource, copyBytes, full, inserted, pointAt, probeOf, type PutOutcome, replaced, sameBytes, type SegmentLayout,
} from "./segment-layout.js";
import { SegmentStore } from "./segment-store.js";
import { SlotArrays } from "./slot-arrays.js";

const segmentBytes = 16 * 1024;

/** Where the first entry begins: a slot with offset 0 is free. */
const firstEntry = 4;
/** `key length (2) | value length (2) | value capacity (2)`. */
const entryHeaderBytes = 6;
/** Longer entries get memory of their own, and a stub of this size in the segment. */
const largestInlineBytes = segmentBytes / 8;
const stubBytes = entryHeaderBytes + 4;
/** The key length that marks a stub: `0xffff (2) | 0 (2) | 0 (2) | number of the large entry (4)`. */
const stubMark = 0xffff;

/** Longest growth for which room for another one like it is kept. */
const onceMoreMaxBytes = 64;

const smallestSlotBits = 4;
const largestSlotBits = 11;
const firstGuessEntryBytes = 48;

/**
 * Keys and values of any size: slots of `tag (16 bits) | offset of the entry (16 bits)`, found by linear probing, and entries that
 * are added one behind the other. What is removed or outgrown is garbage until the segment is made anew.
 */
export class VariableLayout implements SegmentLayout {
  readonly store: SegmentStore;
  readonly #large: LargeEntries;
  readonly #slots: SlotArrays;
  /** Where the entry begins that findSlot() found. */
  #foundAt = 0;
  /** By segment: where free memory begins, bytes of garbage. */
  #top = new Uint16Array(16);
  #garbage = new Uint16Array(16);

  constructor(reserve: (extraBytes: number) => void) {
    this.#slots = new SlotArrays(reserve);
    this.store = new SegmentStore(segmentBytes, reserve, (segment) => this.#slots.take(segment));
    this.#large = new LargeEntries(this.store, reserve);
  }

  get outsideBytes(): number {
    return this.#large.sizeBytes + this.#slots.usedBytes;
  }

  get reservedBytes(): number {
    return this.store.reservedBytes + this.#large.sizeBytes + this.#slots.reservedBytes;
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const slot = this.#findSlot(segment, position, key, keyStart, keyEnd);
    return slot < 0 ? -1 : this.#foundAt;
  }

  put(
    segment: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const slot = this.#findSlot(segment, position, key, keyStart, keyEnd);
    if (slot >= 0) return this.#replace(segment, slot, key, keyStart, keyEnd, value, valueStart, valueEnd);
    const slots = 1 << (this.#slots.bits[segment] as number);
    const count = this.store.count[segment] as number;
    if (count >= slots - slots / 8) return full;
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, 0);
    if (offset === 0) return full;
    this.store.count[segment] = count + 1;
    this.#slots.set(segment, ~slot, ((probeOf(position) >>> 16) << 16) | offset);
    return inserted;
  }

  remove(segment: number, at: number, position: number): void {
    const { store } = this;
    const mask = (1 << (this.#slots.bits[segment] as number)) - 1;
    const start = store.startOf(segment);
    const offset = at - start;
    let hole = (probeOf(position) >>> 16) & mask;
    while ((this.#slots.get(segment, hole) & 0xffff) !== offset) hole = (hole + 1) & mask;
    this.#drop(segment, at);
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots.get(segment, slot);
      if (entry === 0) break;
      // It may move only to where probing from its home still passes.
      if (((slot - (entry >>> 16)) & mask) < ((slot - hole) & mask)) continue;
      this.#slots.set(segment, hole, entry);
      hole = slot;
    }
    this.#slots.set(segment, hole, 0);
    store.count[segment] = (store.count[segment] as number) - 1;
  }

  readValue(segment: number, at: number, value: ByteReader): void {
    const view = this.store.viewOf(segment);
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) {
      const entry = this.#large.get(view.getUint32(at + entryHeaderBytes, true));
      pointAt(value, entry.bytes, entry.view, entry.keyBytes, entry.keyBytes + entry.valueBytes);
      return;
    }
    const start = at + entryHeaderBytes + keyBytes;
    pointAt(value, this.store.chunkOf(segment), view, start, start + view.getUint16(at + 2, true));
  }

  own(segment: number, at: number): void {
    const view = this.store.viewOf(segment);
    if (view.getUint16(at, true) !== stubMark) return;
    const large = view.getUint32(at + entryHeaderBytes, true);
    if (!this.#large.isShared(large)) return;
    view.setUint32(at + entryHeaderBytes, this.#large.copy(large), true);
    this.#large.retire(large);
  }

  resize(segment: number, at: number, valueBytes: number): boolean {
    const view = this.store.viewOf(segment);
    if (view.getUint16(at, true) === stubMark) return this.#large.resize(view.getUint32(at + entryHeaderBytes, true), valueBytes);
    if (valueBytes > view.getUint16(at + 4, true)) return false;
    view.setUint16(at + 2, valueBytes, true);
    return true;
  }

  readKey(segment: number, at: number, key: ByteReader): void {
    const view = this.store.viewOf(segment);
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) {
      const entry = this.#large.get(view.getUint32(at + entryHeaderBytes, true));
      pointAt(key, entry.bytes, entry.view, 0, entry.keyBytes);
      return;
    }
    const start = at + entryHeaderBytes;
    pointAt(key, this.store.chunkOf(segment), view, start, start + keyBytes);
  }

  nextSlot(segment: number, slot: number): number {
    const slots = 1 << (this.#slots.bits[segment] as number);
    for (let next = slot; next < slots; next += 1) if (this.#slots.get(segment, next) !== 0) return next;
    return -1;
  }

  atSlot(segment: number, slot: number): number {
    return this.store.startOf(segment) + (this.#slots.get(segment, slot) & 0xffff);
  }

  /** Slots as fit the entries of `like`, and at least so many that all of them find room, wherever a split sends them. */
  allocate(depth: number, like?: number): number {
    const slotBits = like === undefined ? slotBitsFor(firstGuessEntryBytes) : this.#slotBitsLike(like);
    this.#slots.prepare(slotBits);
    const segment = this.store.allocate(depth);
    this.#growArrays(segment);
    this.#slots.give(segment, slotBits);
    this.#top[segment] = firstEntry;
    this.#garbage[segment] = 0;
    return segment;
  }

  copy(segment: number): number {
    const slotBits = this.#slots.bits[segment] as number;
    this.#slots.prepare(slotBits);
    const copy = this.store.copy(segment);
    this.#growArrays(copy);
    this.#slots.give(copy, slotBits);
    this.#slots.copy(segment, copy);
    this.#top[copy] = this.#top[segment] as number;
    this.#garbage[copy] = this.#garbage[segment] as number;
    return copy;
  }

  move(from: number, at: number, to: number, position: number): void {
    const { store } = this;
    const source = store.chunkOf(from);
    const sizeBytes = entryBytes(store.viewOf(from), at);
    const offset = this.#top[to] as number;
    copyBytes(source, at, at + sizeBytes, store.chunkOf(to), store.startOf(to) + offset);
    this.#top[to] = offset + sizeBytes;
    const mask = (1 << (this.#slots.bits[to] as number)) - 1;
    const probe = probeOf(position);
    let slot = (probe >>> 16) & mask;
    while (this.#slots.get(to, slot) !== 0) slot = (slot + 1) & mask;
    this.#slots.set(to, slot, ((probe >>> 16) << 16) | offset);
    store.count[to] = (store.count[to] as number) + 1;
  }

  isWorthRebuilding(segment: number): boolean {
    if ((this.#garbage[segment] as number) >= segmentBytes / 4) return true;
    // Slots ran out with half of the memory unused: entries are shorter than was guessed.
    return (1 << this.#slotBitsLike(segment)) > 1 << (this.#slots.bits[segment] as number) && this.#liveBytes(segment) < segmentBytes / 2;
  }

  fitTogether(left: number, right: number): boolean {
    const slots = 1 << Math.min(this.#slots.bits[left] as number, this.#slots.bits[right] as number);
    const count = (this.store.count[left] as number) + (this.store.count[right] as number);
    return count < slots / 2 && this.#liveBytes(left) + this.#liveBytes(right) < segmentBytes / 2;
  }

  releaseUnheld(): void {
    this.#large.releaseUnheld();
  }

  /** The slot of a key, whose entry is at #foundAt, or the complement of the free slot where it would go. */
  #findSlot(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const store = this.store;
    const arrays = this.#slots;
    const place = arrays.places[segment] as number;
    const slots = arrays.chunks[place >>> 16] as Int32Array;
    const first = place & 0xffff;
    const mask = (1 << (arrays.bits[segment] as number)) - 1;
    const tag = probeOf(position) >>> 16;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const found = slots[first + slot] as number;
      if (found === 0) return ~slot;
      if (found >>> 16 !== tag) continue;
      const view = store.views[segment >>> store.chunkShift] as DataView;
      const at = (segment & store.chunkMask) * segmentBytes + (found & 0xffff);
      if (!this.#hasKey(segment, view, at, key, keyStart, keyEnd)) continue;
      this.#foundAt = at;
      return slot;
    }
  }

  #hasKey(segment: number, view: DataView, at: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const keyBytes = view.getUint16(at, true);
    const length = keyEnd - keyStart;
    if (keyBytes === length) return sameBytes({ bytes: this.store.chunkOf(segment), view }, at + entryHeaderBytes, key, keyStart, length);
    if (keyBytes !== stubMark) return false;
    const entry = this.#large.get(view.getUint32(at + entryHeaderBytes, true));
    return entry.keyBytes === length && sameBytes(entry, 0, key, keyStart, length);
  }

  #replace(
    segment: number, slot: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const at = this.#foundAt;
    const view = this.store.viewOf(segment);
    const valueBytes = valueEnd - valueStart;
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) {
      const large = view.getUint32(at + entryHeaderBytes, true);
      if (isLarge(keyEnd - keyStart, valueBytes)) {
        if (this.#large.overwrite(large, value, valueStart, valueEnd)) return replaced;
        const slackBytes = slackAfter(this.#large.get(large).valueBytes, valueBytes);
        const grown = this.#large.add(key, keyStart, keyEnd, value, valueStart, valueEnd, slackBytes);
        view.setUint32(at + entryHeaderBytes, grown, true);
        this.#large.retire(large);
        return replaced;
      }
    } else if (valueBytes <= view.getUint16(at + 4, true)) {
      view.setUint16(at + 2, valueBytes, true);
      copyBytes(value.bytes, valueStart, valueEnd, this.store.chunkOf(segment), at + entryHeaderBytes + keyBytes);
      return replaced;
    }
    const slackBytes = keyBytes === stubMark ? 0 : slackAfter(view.getUint16(at + 2, true), valueBytes);
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, slackBytes);
    if (offset === 0) return full;
    this.#drop(segment, at);
    this.#slots.set(segment, slot, (this.#slots.get(segment, slot) & 0xffff_0000) | offset);
    return replaced;
  }

  /** Writes an entry behind the last one; its offset, or 0 where there is no room. */
  #append(
    segment: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number, slackBytes: number,
  ): number {
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const offset = this.#top[segment] as number;
    const chunk = this.store.chunkOf(segment);
    const view = this.store.viewOf(segment);
    const at = this.store.startOf(segment) + offset;
    if (isLarge(keyBytes, valueBytes)) {
      if (offset + stubBytes > segmentBytes) return 0;
      const large = this.#large.add(key, keyStart, keyEnd, value, valueStart, valueEnd, slackBytes);
      view.setUint16(at, stubMark, true);
      view.setUint32(at + 2, 0, true);
      view.setUint32(at + entryHeaderBytes, large, true);
      this.#top[segment] = offset + stubBytes;
      return offset;
    }
    const capacityBytes = valueBytes + slackBytes;
    const sizeBytes = entryHeaderBytes + keyBytes + capacityBytes;
    if (offset + sizeBytes > segmentBytes) return 0;
    view.setUint16(at, keyBytes, true);
    view.setUint16(at + 2, valueBytes, true);
    view.setUint16(at + 4, capacityBytes, true);
    copyBytes(key.bytes, keyStart, keyEnd, chunk, at + entryHeaderBytes);
    copyBytes(value.bytes, valueStart, valueEnd, chunk, at + entryHeaderBytes + keyBytes);
    this.#top[segment] = offset + sizeBytes;
    return offset;
  }

  /** Counts an entry as garbage. */
  #drop(segment: number, at: number): void {
    const view = this.store.viewOf(segment);
    if (view.getUint16(at, true) === stubMark) this.#large.retire(view.getUint32(at + entryHeaderBytes, true));
    this.#garbage[segment] = (this.#garbage[segment] as number) + entryBytes(view, at);
  }

  #liveBytes(segment: number): number {
    return (this.#top[segment] as number) - firstEntry - (this.#garbage[segment] as number);
  }

  #slotBitsLike(segment: number): number {
    const count = this.store.count[segment] as number;
    const current = this.#slots.bits[segment] as number;
    if (count === 0) return current;
    const liveBytes = this.#liveBytes(segment);
    const fitting = slotBitsFor(liveBytes / count);
    return count <= (1 << fitting) - (1 << fitting) / 8 ? fitting : current;
  }

  #growArrays(segment: number): void {
    if (segment < this.#top.length) return;
    const length = this.#top.length * 2;
    const [top, garbage] = [this.#top, this.#garbage];
    (this.#top = new Uint16Array(length)).set(top);
    (this.#garbage = new Uint16Array(length)).set(garbage);
  }
}

/**
 * Bytes to keep free behind a value that grew, since it is likely to grow again: a quarter, so that adding to it goes on costing the
 * same, and room for once more of the same where a quarter is too little for that.
 */
function slackAfter(previousBytes: number, valueBytes: number): number {
  return Math.max(valueBytes >>> 2, Math.min(valueBytes - previousBytes, onceMoreMaxBytes));
}

function isLarge(keyBytes: number, valueBytes: number): boolean {
  return entryHeaderBytes + keyBytes + valueBytes > largestInlineBytes;
}

function entryBytes(view: DataView, at: number): number {
  const keyBytes = view.getUint16(at, true);
  return keyBytes === stubMark ? stubBytes : entryHeaderBytes + keyBytes + view.getUint16(at + 4, true);
}

/** Slots for a segment full of entries of this size. */
function slotBitsFor(averageEntryBytes: number): number {
  const entries = segmentBytes / averageEntryBytes;
  return Math.min(largestSlotBits, Math.max(smallestSlotBits, Math.ceil(Math.log2(entries * 1.5))));
}

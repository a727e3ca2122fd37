import type { ByteReader } from "../serializers/index.js";
import { LargeEntries } from "./large-entries.js";
import {
  type ByteSource, copyBytes, full, inserted, pointAt, probeOf, type PutOutcome, replaced, sameBytes, type SegmentLayout,
} from "./segment-layout.js";
import { SegmentStore } from "./segment-store.js";

const segmentBytes = 16 * 1024;

/** A segment begins with its number of slots (4 bytes); the slots follow, then the entries. */
const headerBytes = 4;
const slotBytes = 4;
/** `key length (2) | value length (2) | value capacity (2)`. */
const entryHeaderBytes = 6;
/** Longer entries get memory of their own, and a stub of this size in the segment. */
const largestInlineBytes = segmentBytes / 8;
const stubBytes = entryHeaderBytes + 4;
/** The key length that marks a stub: `0xffff (2) | 0 (2) | 0 (2) | number of the large entry (4)`. */
const stubMark = 0xffff;

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
  /** By segment: log2 of its slots, where free memory begins, bytes of garbage. */
  #slotBits = new Uint8Array(16);
  #top = new Uint16Array(16);
  #garbage = new Uint16Array(16);

  constructor(reserve: (extraBytes: number) => void) {
    this.store = new SegmentStore(segmentBytes, reserve);
    this.#large = new LargeEntries(this.store, reserve);
  }

  get largeBytes(): number {
    return this.#large.sizeBytes;
  }

  get reservedBytes(): number {
    return this.store.reservedBytes + this.#large.sizeBytes;
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const slot = this.#findSlot(segment, position, key, keyStart, keyEnd);
    return slot < 0 ? -1 : this.atSlot(segment, slot);
  }

  put(
    segment: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const slot = this.#findSlot(segment, position, key, keyStart, keyEnd);
    if (slot >= 0) return this.#replace(segment, slot, key, keyStart, keyEnd, value, valueStart, valueEnd);
    const slots = 1 << (this.#slotBits[segment] as number);
    const count = this.store.count[segment] as number;
    if (count >= slots - slots / 8) return full;
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, 0);
    if (offset === 0) return full;
    this.store.count[segment] = count + 1;
    this.#setSlot(segment, ~slot, ((probeOf(position) >>> 16) << 16) | offset);
    return inserted;
  }

  remove(segment: number, at: number, position: number): void {
    const { store } = this;
    const mask = (1 << (this.#slotBits[segment] as number)) - 1;
    const start = store.startOf(segment);
    const offset = at - start;
    let hole = (probeOf(position) >>> 16) & mask;
    while ((this.#slot(segment, hole) & 0xffff) !== offset) hole = (hole + 1) & mask;
    this.#drop(segment, at);
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slot(segment, slot);
      if (entry === 0) break;
      // It may move only to where probing from its home still passes.
      if (((slot - (entry >>> 16)) & mask) < ((slot - hole) & mask)) continue;
      this.#setSlot(segment, hole, entry);
      hole = slot;
    }
    this.#setSlot(segment, hole, 0);
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
    const slots = 1 << (this.#slotBits[segment] as number);
    for (let next = slot; next < slots; next += 1) if (this.#slot(segment, next) !== 0) return next;
    return -1;
  }

  atSlot(segment: number, slot: number): number {
    return this.store.startOf(segment) + (this.#slot(segment, slot) & 0xffff);
  }

  /** Slots as fit the entries of `like`, and at least so many that all of them find room, wherever a split sends them. */
  allocate(depth: number, like?: number): number {
    const slotBits = like === undefined ? slotBitsFor(firstGuessEntryBytes) : this.#slotBitsLike(like);
    const segment = this.store.allocate(depth);
    this.#growArrays(segment);
    this.#start(segment, slotBits);
    return segment;
  }

  copy(segment: number): number {
    const copy = this.store.copy(segment);
    this.#growArrays(copy);
    this.#slotBits[copy] = this.#slotBits[segment] as number;
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
    const mask = (1 << (this.#slotBits[to] as number)) - 1;
    const probe = probeOf(position);
    let slot = (probe >>> 16) & mask;
    while (this.#slot(to, slot) !== 0) slot = (slot + 1) & mask;
    this.#setSlot(to, slot, ((probe >>> 16) << 16) | offset);
    store.count[to] = (store.count[to] as number) + 1;
  }

  isWorthRebuilding(segment: number): boolean {
    if ((this.#garbage[segment] as number) >= segmentBytes / 4) return true;
    // Slots ran out with half of the memory unused: entries are shorter than was guessed.
    return (1 << this.#slotBitsLike(segment)) > 1 << (this.#slotBits[segment] as number) && this.#liveBytes(segment) < segmentBytes / 2;
  }

  fitTogether(left: number, right: number): boolean {
    const slots = 1 << Math.min(this.#slotBits[left] as number, this.#slotBits[right] as number);
    const count = (this.store.count[left] as number) + (this.store.count[right] as number);
    return count < slots / 2 && this.#liveBytes(left) + this.#liveBytes(right) < segmentBytes / 2;
  }

  releaseUnheld(): void {
    this.#large.releaseUnheld();
  }

  /** The slot of a key, or the complement of the free slot where it would go. */
  #findSlot(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const store = this.store;
    const view = store.views[segment >>> store.chunkShift] as DataView;
    const start = (segment & store.chunkMask) * segmentBytes;
    const mask = (1 << (this.#slotBits[segment] as number)) - 1;
    const tag = probeOf(position) >>> 16;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const found = view.getUint32(start + headerBytes + slot * slotBytes, true);
      if (found === 0) return ~slot;
      if (found >>> 16 === tag && this.#hasKey(segment, view, start + (found & 0xffff), key, keyStart, keyEnd)) return slot;
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
    const at = this.atSlot(segment, slot);
    const view = this.store.viewOf(segment);
    const valueBytes = valueEnd - valueStart;
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) {
      const large = view.getUint32(at + entryHeaderBytes, true);
      if (isLarge(keyEnd - keyStart, valueBytes)) {
        if (this.#large.overwrite(large, value, valueStart, valueEnd)) return replaced;
        view.setUint32(at + entryHeaderBytes, this.#large.add(key, keyStart, keyEnd, value, valueStart, valueEnd), true);
        this.#large.retire(large);
        return replaced;
      }
    } else if (valueBytes <= view.getUint16(at + 4, true)) {
      view.setUint16(at + 2, valueBytes, true);
      copyBytes(value.bytes, valueStart, valueEnd, this.store.chunkOf(segment), at + entryHeaderBytes + keyBytes);
      return replaced;
    }
    // A value that grew once is likely to grow again.
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, valueBytes >>> 2);
    if (offset === 0) return full;
    this.#drop(segment, at);
    this.#setSlot(segment, slot, (this.#slot(segment, slot) & 0xffff_0000) | offset);
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
      const large = this.#large.add(key, keyStart, keyEnd, value, valueStart, valueEnd);
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

  #slot(segment: number, slot: number): number {
    return this.store.viewOf(segment).getUint32(this.store.startOf(segment) + headerBytes + slot * slotBytes, true);
  }

  #setSlot(segment: number, slot: number, entry: number): void {
    this.store.viewOf(segment).setUint32(this.store.startOf(segment) + headerBytes + slot * slotBytes, entry, true);
  }

  #liveBytes(segment: number): number {
    return (this.#top[segment] as number) - firstEntry(this.#slotBits[segment] as number) - (this.#garbage[segment] as number);
  }

  #slotBitsLike(segment: number): number {
    const count = this.store.count[segment] as number;
    const current = this.#slotBits[segment] as number;
    if (count === 0) return current;
    const liveBytes = this.#liveBytes(segment);
    const fitting = slotBitsFor(liveBytes / count);
    const isEnough = count <= (1 << fitting) - (1 << fitting) / 8 && firstEntry(fitting) + liveBytes <= segmentBytes;
    return isEnough ? fitting : current;
  }

  #start(segment: number, slotBits: number): void {
    this.#slotBits[segment] = slotBits;
    this.#top[segment] = firstEntry(slotBits);
    this.#garbage[segment] = 0;
    this.store.viewOf(segment).setUint32(this.store.startOf(segment), 1 << slotBits, true);
  }

  #growArrays(segment: number): void {
    if (segment < this.#top.length) return;
    const length = this.#top.length * 2;
    const [slotBits, top, garbage] = [this.#slotBits, this.#top, this.#garbage];
    (this.#slotBits = new Uint8Array(length)).set(slotBits);
    (this.#top = new Uint16Array(length)).set(top);
    (this.#garbage = new Uint16Array(length)).set(garbage);
  }
}

function isLarge(keyBytes: number, valueBytes: number): boolean {
  return entryHeaderBytes + keyBytes + valueBytes > largestInlineBytes;
}

function entryBytes(view: DataView, at: number): number {
  const keyBytes = view.getUint16(at, true);
  return keyBytes === stubMark ? stubBytes : entryHeaderBytes + keyBytes + view.getUint16(at + 4, true);
}

function firstEntry(slotBits: number): number {
  return headerBytes + (slotBytes << slotBits);
}

/** Slots for a segment full of entries of this size. */
function slotBitsFor(averageEntryBytes: number): number {
  const entries = segmentBytes / (averageEntryBytes + slotBytes * 1.5);
  return Math.min(largestSlotBits, Math.max(smallestSlotBits, Math.ceil(Math.log2((entries * 8) / 7))));
}

import { type ByteSource, copyRange, sameWords } from "../serializers/byte-source.js";
import { ByteReader } from "../serializers/index.js";
import { LargeEntries } from "./large-entries.js";
import { full, inserted, pointAt, type PutOutcome, replaced, type SegmentLayout } from "./segment-layout.js";
import { chunkShiftOf, SegmentStore } from "./segment-store.js";
import { SlotIndex, type SlottedEntries } from "./slot-index.js";

const segmentShift = 14;
const segmentBytes = 1 << segmentShift;
/** What the store says too, as constants: a look-up takes so many fewer steps that the next one begins while this waits for memory. */
const chunkShift = chunkShiftOf(segmentBytes);
const chunkMask = (1 << chunkShift) - 1;
/** A constant of this module for the same reason: the engine checks an import at each call. */
const sameKey = sameWords;

/** `key length (2) | value length (2) | value capacity (2)`. */
const entryHeaderBytes = 6;
/** Longer entries get memory of their own, and a stub of this size in the segment. */
const largestInlineBytes = segmentBytes / 8;
const stubBytes = entryHeaderBytes + 4;
/** The key length that marks a stub: `0xffff (2) | 0 (2) | 0 (2) | number of the large entry (4)`. */
const stubMark = 0xffff;

/** Longest growth for which room for another one like it is kept, however short the value. */
const onceMoreMaxBytes = 64;

/** Where the first entry of a segment begins: 0 is no entry. */
const firstOffset = 8;

const smallestSlotBits = 4;
const firstGuessEntryBytes = 48;

/**
 * Keys and values of any size: entries that are added one behind the other, and an index of slots that finds them. What is removed or
 * outgrown is garbage until the segment is made anew.
 */
export class VariableLayout implements SegmentLayout, SlottedEntries {
  readonly store: SegmentStore;
  /** Those of the store. */
  readonly #chunks: readonly Uint8Array[];
  readonly #views: readonly DataView[];
  readonly #large: LargeEntries;
  readonly #slots: SlotIndex;
  /** By segment: where free memory begins, bytes of garbage. */
  #top = new Uint16Array(16);
  #garbage = new Uint16Array(16);
  readonly #moved = new ByteReader();
  readonly #positionOf: (key: ByteSource, start: number, end: number) => number;

  constructor(positionOf: (key: ByteSource, start: number, end: number) => number, reserve: (extraBytes: number) => void) {
    this.#positionOf = positionOf;
    this.#slots = new SlotIndex(this, reserve);
    this.store = new SegmentStore({ segmentBytes, areZeroed: false, reserve, onFree: (segment) => this.#slots.release(segment) });
    this.#chunks = this.store.chunks;
    this.#views = this.store.views;
    this.#large = new LargeEntries(this.store, reserve);
  }

  get outsideBytes(): number {
    return this.#large.sizeBytes + this.#slots.usedBytes;
  }

  get reservedBytes(): number {
    return this.store.reservedBytes + this.#large.sizeBytes + this.#slots.reservedBytes;
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    const offset = this.#slots.find(segment, position, key, keyStart, keyEnd);
    return offset === 0 ? -1 : ((segment & chunkMask) << segmentShift) + offset;
  }

  put(
    segment: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const old = this.#slots.find(segment, position, key, keyStart, keyEnd);
    if (old !== 0) return this.#replace(segment, position, old, key, keyStart, keyEnd, value, valueStart, valueEnd);
    const count = this.store.count[segment] as number;
    if (count >= maxCount(this.#slots.bitsOf(segment))) return full;
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, 0);
    if (offset === 0) return full;
    this.store.count[segment] = count + 1;
    this.#slots.add(segment, position, offset);
    return inserted;
  }

  remove(segment: number, at: number, position: number): void {
    const { store } = this;
    this.#drop(segment, at);
    this.#slots.remove(segment, position, at - store.startOf(segment));
    store.count[segment] = (store.count[segment] as number) - 1;
  }

  readValue(segment: number, at: number, value: ByteReader): void {
    const chunk = segment >>> chunkShift;
    const view = this.#views[chunk] as DataView;
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) {
      const entry = this.#large.get(view.getUint32(at + entryHeaderBytes, true));
      pointAt(value, entry.bytes, entry.view, entry.keyBytes, entry.keyBytes + entry.valueBytes);
      return;
    }
    const start = at + entryHeaderBytes + keyBytes;
    pointAt(value, this.#chunks[chunk] as Uint8Array, view, start, start + view.getUint16(at + 2, true));
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

  extend(segment: number, at: number, position: number, tail: ByteSource, tailStart: number, tailEnd: number): boolean {
    const view = this.store.viewOf(segment);
    const keyBytes = view.getUint16(at, true);
    if (keyBytes === stubMark) return false;
    const oldBytes = view.getUint16(at + 2, true);
    const valueBytes = oldBytes + tailEnd - tailStart;
    const capacityBytes = valueBytes + slackAfter(oldBytes, valueBytes);
    const offset = this.#top[segment] as number;
    const sizeBytes = entryHeaderBytes + keyBytes + capacityBytes;
    if (isLarge(keyBytes, valueBytes) || offset + sizeBytes > segmentBytes) return false;
    const start = this.store.startOf(segment);
    const bytes = this.store.chunkOf(segment);
    const target = start + offset;
    const contents = target + entryHeaderBytes;
    this.#writeHeader(view, target, keyBytes, valueBytes, capacityBytes);
    copyRange({ bytes, view }, at + entryHeaderBytes, at + entryHeaderBytes + keyBytes + oldBytes, bytes, view, contents);
    copyRange(tail, tailStart, tailEnd, bytes, view, contents + keyBytes + oldBytes);
    this.#top[segment] = offset + sizeBytes;
    this.#drop(segment, at);
    this.#slots.move(segment, position, at - start, offset);
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
    return this.#slots.nextSlot(segment, slot);
  }

  atSlot(segment: number, slot: number): number {
    return this.store.startOf(segment) + this.#slots.entryAt(segment, slot);
  }

  /** Slots as fit the entries of `like` and `also`, so many that all of them find room, wherever a split sends them. */
  allocate(depth: number, like?: number, also?: number): number {
    const slotBits = this.#slotBitsLike(like, also);
    const segment = this.store.allocate(depth);
    this.#orGiveBack(segment, () => this.#slots.allocate(segment, slotBits));
    this.#growArrays(segment);
    this.#top[segment] = firstOffset;
    this.#garbage[segment] = 0;
    return segment;
  }

  copy(segment: number): number {
    const copy = this.store.copy(segment);
    this.#orGiveBack(copy, () => this.#slots.copy(segment, copy));
    this.#growArrays(copy);
    this.#top[copy] = this.#top[segment] as number;
    this.#garbage[copy] = this.#garbage[segment] as number;
    return copy;
  }

  move(from: number, at: number, to: number, position: number): void {
    const { store } = this;
    const source = this.#moved;
    pointAt(source, store.chunkOf(from), store.viewOf(from), at, at + entryBytes(store.viewOf(from), at));
    const sizeBytes = source.remaining;
    const offset = this.#top[to] as number;
    copyRange(source, at, source.end, store.chunkOf(to), store.viewOf(to), store.startOf(to) + offset);
    this.#top[to] = offset + sizeBytes;
    this.#slots.add(to, position, offset);
    store.count[to] = (store.count[to] as number) + 1;
  }

  isWorthRebuilding(segment: number): boolean {
    if ((this.#garbage[segment] as number) >= segmentBytes / 4) return true;
    // Slots ran out with half of the memory unused: entries are shorter than was guessed.
    return this.#slotBitsLike(segment) > this.#slots.bitsOf(segment) && this.#liveBytes(segment) < segmentBytes / 2;
  }

  fitTogether(left: number, right: number): boolean {
    const slots = 1 << Math.min(this.#slots.bitsOf(left), this.#slots.bitsOf(right));
    const count = (this.store.count[left] as number) + (this.store.count[right] as number);
    return count < slots / 2 && this.#liveBytes(left) + this.#liveBytes(right) < segmentBytes / 2;
  }

  releaseUnheld(): void {
    this.#large.releaseUnheld();
  }

  hasKey(segment: number, offset: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const view = this.#views[segment >>> chunkShift] as DataView;
    const at = ((segment & chunkMask) << segmentShift) + offset;
    // Four bytes like those that are compared: the engine checks bounds once for all reads of one size.
    const keyBytes = view.getInt32(at, true) & 0xffff;
    const length = keyEnd - keyStart;
    if (keyBytes === length) return sameKey(view, at + entryHeaderBytes, key.view, keyStart, length);
    if (keyBytes !== stubMark) return false;
    const entry = this.#large.get(view.getUint32(at + entryHeaderBytes, true));
    return entry.keyBytes === length && sameKey(entry.view, 0, key.view, keyStart, length);
  }

  positionAt(segment: number, offset: number): number {
    const key = this.#moved;
    this.readKey(segment, this.store.startOf(segment) + offset, key);
    return this.#positionOf(key, key.position, key.end);
  }

  /** Gives a new segment its slots, or it back where there is no memory for them. */
  #orGiveBack(segment: number, giveSlots: () => void): void {
    try {
      giveSlots();
    } catch (error) {
      this.store.retire(segment);
      throw error;
    }
  }

  #replace(
    segment: number, position: number, oldOffset: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const at = this.store.startOf(segment) + oldOffset;
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
      copyRange(value, valueStart, valueEnd, this.store.chunkOf(segment), view, at + entryHeaderBytes + keyBytes);
      return replaced;
    }
    const slackBytes = keyBytes === stubMark ? 0 : slackAfter(view.getUint16(at + 2, true), valueBytes);
    const offset = this.#append(segment, key, keyStart, keyEnd, value, valueStart, valueEnd, slackBytes);
    if (offset === 0) return full;
    this.#drop(segment, at);
    this.#slots.move(segment, position, oldOffset, offset);
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
    this.#writeHeader(view, at, keyBytes, valueBytes, capacityBytes);
    copyRange(key, keyStart, keyEnd, chunk, view, at + entryHeaderBytes);
    copyRange(value, valueStart, valueEnd, chunk, view, at + entryHeaderBytes + keyBytes);
    this.#top[segment] = offset + sizeBytes;
    return offset;
  }

  #writeHeader(view: DataView, at: number, keyBytes: number, valueBytes: number, capacityBytes: number): void {
    view.setUint16(at, keyBytes, true);
    view.setUint16(at + 2, valueBytes, true);
    view.setUint16(at + 4, capacityBytes, true);
  }

  /** Counts an entry as garbage. */
  #drop(segment: number, at: number): void {
    const view = this.store.viewOf(segment);
    if (view.getUint16(at, true) === stubMark) this.#large.retire(view.getUint32(at + entryHeaderBytes, true));
    this.#garbage[segment] = (this.#garbage[segment] as number) + entryBytes(view, at);
  }

  #liveBytes(segment: number): number {
    return (this.#top[segment] as number) - firstOffset - (this.#garbage[segment] as number);
  }

  #slotBitsLike(like?: number, also?: number): number {
    let count = 0;
    let liveBytes = 0;
    for (const segment of [like, also]) {
      if (segment === undefined) continue;
      count += this.store.count[segment] as number;
      liveBytes += this.#liveBytes(segment);
    }
    const entryBytes = count === 0 ? firstGuessEntryBytes : liveBytes / count;
    let bits = Math.ceil(Math.log2((segmentBytes / entryBytes) * 1.25));
    while (count > maxCount(bits)) bits += 1;
    return Math.max(smallestSlotBits, bits);
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
 * Bytes to keep free behind a value that grew, since it is likely to grow again by as much: a quarter, so that adding to it goes on
 * costing the same, or what it grew by where that is little. None where it grew by more than both: one more time would not fit, and
 * copying a value that grows by a quarter each time costs no more than a few times what was added.
 */
function slackAfter(previousBytes: number, valueBytes: number): number {
  const growthBytes = valueBytes - previousBytes;
  const quarterBytes = valueBytes >>> 2;
  if (growthBytes <= onceMoreMaxBytes) return Math.max(quarterBytes, growthBytes);
  return growthBytes <= quarterBytes ? quarterBytes : 0;
}

function isLarge(keyBytes: number, valueBytes: number): boolean {
  return entryHeaderBytes + keyBytes + valueBytes > largestInlineBytes;
}

function entryBytes(view: DataView, at: number): number {
  const keyBytes = view.getUint16(at, true);
  return keyBytes === stubMark ? stubBytes : entryHeaderBytes + keyBytes + view.getUint16(at + 4, true);
}

/** Entries that so many slots are for. */
function maxCount(slotBits: number): number {
  return (1 << slotBits) - (1 << slotBits) / 8;
}

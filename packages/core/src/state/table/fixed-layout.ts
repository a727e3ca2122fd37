import { StateError } from "../../errors/index.js";
import { type ByteSource, copyWords, sameWords } from "../serializers/byte-source.js";
import type { ByteReader } from "../serializers/index.js";
import { full, inserted, pointAt, probeOf, type PutOutcome, replaced, type SegmentLayout } from "./segment-layout.js";
import { SegmentStore } from "./segment-store.js";
import { groupSlots, highestBit, matchTags, tagOf } from "./tag-groups.js";

// As constants of this module the engine calls them without a check; an import it loads and checks at each call.
const probe32 = probeOf;
const tagOfProbe = tagOf;
const slotsWithTag = matchTags;
const lastOf = highestBit;
const sameKey = sameWords;

/** Segments are near this size: small enough to be copied in a few microseconds, large enough that they fill evenly. */
const segmentTargetBytes = 10 * 1024;
const smallestGroups = 4;

/** Longest entry for which slots of one size are used. */
export const fixedEntryMaxBytes = 512;

/** Entries begin behind the tags of their group. */
const tagsBytes = groupSlots;

/**
 * Keys of one size with values of one size, in groups of eight: `tag (1) x 8 | (key | value) x 8`. The position picks a group; an
 * entry is in the first group from there on that had room. Tag 0 is an empty slot, and a search ends in a group that has one.
 */
export class FixedLayout implements SegmentLayout {
  readonly store: SegmentStore;
  // Numbers that look-ups need begin as numbers: the engine then need not ask at each use what they are.
  readonly #keyBytes: number = 0;
  readonly #valueBytes: number = 0;
  readonly #entryBytes: number = 0;
  readonly #groupBytes: number = 0;
  readonly #groupMask: number = 0;
  readonly #maxCount: number = 0;
  readonly #positionOf: (key: ByteSource, start: number, end: number) => number;

  constructor(
    keyBytes: number,
    valueBytes: number,
    positionOf: (key: ByteSource, start: number, end: number) => number,
    reserve: (extraBytes: number) => void,
  ) {
    this.#keyBytes = keyBytes;
    this.#valueBytes = valueBytes;
    this.#entryBytes = keyBytes + valueBytes;
    this.#groupBytes = tagsBytes + groupSlots * this.#entryBytes;
    // A shift, since a power is a double to the engine, and so would be all that is reckoned with it.
    const groups = Math.max(smallestGroups, 1 << Math.floor(Math.log2(segmentTargetBytes / this.#groupBytes)));
    this.#groupMask = groups - 1;
    this.#maxCount = groups * groupSlots - groups;
    this.#positionOf = positionOf;
    this.store = new SegmentStore({ segmentBytes: groups * this.#groupBytes, areZeroed: true, reserve });
  }

  get outsideBytes(): number {
    return 0;
  }

  get reservedBytes(): number {
    return this.store.reservedBytes;
  }

  find(segment: number, position: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    if (keyEnd - keyStart !== this.#keyBytes) throw wrongSize("key", keyEnd - keyStart, this.#keyBytes);
    const store = this.store;
    const view = store.views[segment >>> store.chunkShift] as DataView;
    const start = (segment & store.chunkMask) * store.segmentBytes;
    const probe = probe32(position);
    const tag = tagOfProbe(probe);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = start + (group & this.#groupMask) * this.#groupBytes;
      const low = view.getInt32(tags, true);
      const high = view.getInt32(tags + 4, true);
      for (let matches = slotsWithTag(low, high, tag); matches !== 0; ) {
        const slot = lastOf(matches);
        const at = tags + tagsBytes + slot * this.#entryBytes;
        if (sameKey(view, at, key.view, keyStart, this.#keyBytes)) return at;
        matches ^= 1 << slot;
      }
      if (slotsWithTag(low, high, 0) !== 0) return -1;
    }
  }

  put(
    segment: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    if (valueEnd - valueStart !== this.#valueBytes) throw wrongSize("value", valueEnd - valueStart, this.#valueBytes);
    const store = this.store;
    const view = store.views[segment >>> store.chunkShift] as DataView;
    const found = this.find(segment, position, key, keyStart, keyEnd);
    if (found !== -1) {
      copyWords(value.view, valueStart, this.#valueBytes, view, found + this.#keyBytes);
      return replaced;
    }
    const count = store.count[segment] as number;
    if (count >= this.#maxCount) return full;
    store.count[segment] = count + 1;
    const at = this.#takeSlot(view, segment, probeOf(position));
    copyWords(key.view, keyStart, this.#keyBytes, view, at);
    copyWords(value.view, valueStart, this.#valueBytes, view, at + this.#keyBytes);
    return inserted;
  }

  /** Where it leaves a hole in a full group, an entry that had no room there moves up, so that a search still ends at a free slot. */
  remove(segment: number, at: number): void {
    const store = this.store;
    const source = { bytes: store.chunkOf(segment), view: store.viewOf(segment) };
    const start = store.startOf(segment);
    const mask = this.#groupMask;
    let group = Math.floor((at - start) / this.#groupBytes);
    let hole = at;
    let wasFull = this.#isFull(source.view, start, group);
    for (let next = (group + 1) & mask; wasFull; next = (next + 1) & mask) {
      const isFull = this.#isFull(source.view, start, next);
      const from = this.#entryPast(source, start, next, group);
      if (from !== -1) {
        source.bytes.copyWithin(hole, from, from + this.#entryBytes);
        source.bytes[this.#tagAt(start, hole)] = source.bytes[this.#tagAt(start, from)] as number;
        hole = from;
        group = next;
      }
      wasFull = isFull;
    }
    source.bytes[this.#tagAt(start, hole)] = 0;
    source.bytes.fill(0, hole, hole + this.#entryBytes);
    store.count[segment] = (store.count[segment] as number) - 1;
  }

  readValue(segment: number, at: number, value: ByteReader): void {
    const { store } = this;
    const start = at + this.#keyBytes;
    const chunk = segment >>> store.chunkShift;
    pointAt(value, store.chunks[chunk] as Uint8Array, store.views[chunk] as DataView, start, start + this.#valueBytes);
  }

  own(): void {
    // Every entry is in a segment, which is written to only while no freeze holds it.
  }

  resize(_segment: number, _at: number, valueBytes: number): boolean {
    return valueBytes === this.#valueBytes;
  }

  extend(): boolean {
    return false;
  }

  readKey(segment: number, at: number, key: ByteReader): void {
    pointAt(key, this.store.chunkOf(segment), this.store.viewOf(segment), at, at + this.#keyBytes);
  }

  nextSlot(segment: number, slot: number): number {
    const chunk = this.store.chunkOf(segment);
    const start = this.store.startOf(segment);
    const slots = (this.#groupMask + 1) * groupSlots;
    for (let next = slot; next < slots; next += 1) {
      if (chunk[start + (next >>> 3) * this.#groupBytes + (next & 7)] !== 0) return next;
    }
    return -1;
  }

  atSlot(segment: number, slot: number): number {
    return this.store.startOf(segment) + (slot >>> 3) * this.#groupBytes + tagsBytes + (slot & 7) * this.#entryBytes;
  }

  allocate(depth: number): number {
    return this.store.allocate(depth);
  }

  copy(segment: number): number {
    return this.store.copy(segment);
  }

  move(from: number, at: number, to: number, position: number): void {
    const store = this.store;
    const target = store.viewOf(to);
    const place = this.#takeSlot(target, to, probeOf(position));
    copyWords(store.viewOf(from), at, this.#entryBytes, target, place);
    store.count[to] = (store.count[to] as number) + 1;
  }

  isWorthRebuilding(): boolean {
    return false;
  }

  fitTogether(left: number, right: number): boolean {
    return (this.store.count[left] as number) + (this.store.count[right] as number) < this.#maxCount / 2;
  }

  releaseUnheld(): void {
    // Every entry is in a segment.
  }

  /** Gives the first free slot from a group on its tag; where its entry begins. */
  #takeSlot(view: DataView, segment: number, probe: number): number {
    const start = this.store.startOf(segment);
    for (let group = probe >>> 16; ; group += 1) {
      const tags = start + (group & this.#groupMask) * this.#groupBytes;
      const free = matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), 0);
      if (free === 0) continue;
      const slot = highestBit(free);
      view.setUint8(tags + slot, tagOf(probe));
      return tags + tagsBytes + slot * this.#entryBytes;
    }
  }

  #isFull(view: DataView, start: number, group: number): boolean {
    const tags = start + group * this.#groupBytes;
    return matchTags(view.getInt32(tags, true), view.getInt32(tags + 4, true), 0) === 0;
  }

  /** An entry of a group that a search comes to by way of `group`, or -1. */
  #entryPast(source: ByteSource, start: number, from: number, group: number): number {
    const mask = this.#groupMask;
    const tags = start + from * this.#groupBytes;
    for (let slot = 0; slot < groupSlots; slot += 1) {
      if (source.bytes[tags + slot] === 0) continue;
      const at = tags + tagsBytes + slot * this.#entryBytes;
      const home = (probeOf(this.#positionOf(source, at, at + this.#keyBytes)) >>> 16) & mask;
      if (((from - home) & mask) >= ((from - group) & mask)) return at;
    }
    return -1;
  }

  /** Where the tag of the entry at `at` is. */
  #tagAt(start: number, at: number): number {
    const inSegment = at - start;
    const group = Math.floor(inSegment / this.#groupBytes);
    const inGroup = inSegment - group * this.#groupBytes;
    return start + group * this.#groupBytes + (inGroup - tagsBytes) / this.#entryBytes;
  }
}

function wrongSize(what: string, sizeBytes: number, expectedBytes: number): StateError {
  return new StateError("INTERNAL", `a ${what} of ${sizeBytes} bytes came to a table of ${what}s of ${expectedBytes}`);
}

// Past 400 lines: finding, writing, splitting and evicting all change the same few numbers of a segment, and a put goes through all four.
import { ByteReader, copyBytes, Directory, signedMurmur3 } from "@tidemark/core/state";
import {
  blockHeaderBytes,
  capacityAt,
  type EntryKind,
  entryHeaderBytes,
  entrySizeBytes,
  firstEntry,
  kindAt,
  largeFlag,
  largestInlineBytes,
  layerAt,
  referencedAt,
  segmentBytes,
  stubValueBytes,
  valueKind,
  valueLengthAt,
} from "./entry-format.js";
import { MissedKeys } from "./missed-keys.js";
import { SegmentEntries } from "./segment-entries.js";
import { SegmentEvictor } from "./segment-evictor.js";
import { chunkShift, type SegmentPool } from "./segment-pool.js";
import { type FrozenLayer, TableLayers } from "./table-layers.js";

const chunkMask = (1 << chunkShift) - 1;
const firstSlots = 512;
const stubBytes = entryHeaderBytes + stubValueBytes;

/** `full`: nothing was written, and only a drain can make room. */
export const written = 0;
export const full = 1;
export type PutOutcome = typeof written | typeof full;

/**
 * A hash table of stored keys in front of the database, in memory that native code can read. An entry is dirty from the layer in which
 * it was written until that layer is drained; clean entries are a cache and may be evicted.
 *
 * freeze() ends a layer at once, whatever its size: it hands out the list of segments written in it. From then on such a segment
 * is copied before it is written, until the drain has taken its entries.
 */
export class WriteBackTable {
  /** Stands at the value that find() found, until the next call. */
  readonly value = new ByteReader();
  /** The layer of the entry that find() found. */
  foundLayer = 0;
  /** True where the last put() was the first change of its key in the current layer. */
  isNew = false;
  readonly #pool: SegmentPool;
  readonly #entries: SegmentEntries;
  readonly #layers: TableLayers;
  readonly #evictor: SegmentEvictor;
  /** Segments that may be in use before clean entries are evicted; what is above is for copies. */
  readonly #softSegments: number;
  /** With more in use, which changes that could not be evicted have led to, evictions make one segment of two. */
  readonly #crowdedSegments: number;
  readonly #missed: MissedKeys;
  #directory: Directory;
  #mayPassLimit = false;
  #dirtyBytes = 0;
  #inserted = 0;
  /** Where the search for blocks to evict goes on. */
  #hand = 0;
  /** Set by #find(): the segment of the key. */
  #segment = 0;

  /** `collectedLayer`: see BackingStore. */
  constructor(pool: SegmentPool, collectedLayer: () => number) {
    this.#pool = pool;
    this.#entries = new SegmentEntries(pool);
    this.#layers = new TableLayers(pool, collectedLayer);
    this.#evictor = new SegmentEvictor(pool, this.#entries, this.#layers);
    this.#softSegments = Math.max(1, Math.floor(pool.limitSegments * 0.7));
    this.#crowdedSegments = Math.max(1, Math.floor(pool.limitSegments * 0.75));
    this.#missed = new MissedKeys(pool.limitSegments);
    this.#directory = new Directory(pool.allocate(0, firstSlots));
  }

  /** The layer that writes go to. */
  get layer(): number {
    return this.#layers.current;
  }

  /** Layers up to this one are in the database. */
  get drainedLayer(): number {
    return this.#layers.drained;
  }

  /** Entries, clean ones included. */
  get size(): number {
    return this.#inserted - this.evictions;
  }

  /** Clean entries that made room for others. */
  get evictions(): number {
    return this.#evictor.evictions;
  }

  /** Bytes written in the current layer. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  get sizeBytes(): number {
    return this.#pool.usedSegments * segmentBytes + this.#pool.blockBytes;
  }

  /** Looks a key up. `value` stands at what it has, `foundLayer` says since when; 0 where the table does not know the key. */
  find(key: Uint8Array, keyBytes: number): EntryKind | 0 {
    const slot = this.#find(signedMurmur3(key, 0, keyBytes), key, keyBytes);
    if (slot < 0) return 0;
    const pool = this.#pool;
    const segment = this.#segment;
    const chunk = segment >>> chunkShift;
    const bytes = pool.bytes[chunk] as Uint8Array;
    const view = pool.views[chunk] as DataView;
    const at = this.#entries.at(segment, slot);
    if (bytes[at + referencedAt] === 0) bytes[at + referencedAt] = 1;
    this.foundLayer = view.getUint32(at + layerAt, true);
    const kind = bytes[at + kindAt] as number;
    const reader = this.value;
    if (kind >= largeFlag) {
      const block = pool.block(view.getUint32(at + entryHeaderBytes, true));
      reader.bytes = block.bytes;
      reader.view = block.view;
      reader.position = blockHeaderBytes + block.view.getUint32(0, true);
      reader.end = reader.position + block.view.getUint32(4, true);
      return (kind - largeFlag) as EntryKind;
    }
    reader.bytes = bytes;
    reader.view = view;
    reader.position = at + entryHeaderBytes + view.getUint16(at, true);
    reader.end = reader.position + view.getUint16(at + valueLengthAt, true);
    return kind as EntryKind;
  }

  /**
   * Sets what a key has. `layer` is the current one for a change, and 0 for what was read from the database about a key that the table
   * does not know.
   */
  put(key: Uint8Array, keyBytes: number, kind: EntryKind, layer: number, value: Uint8Array, start: number, end: number): PutOutcome {
    const hash = signedMurmur3(key, 0, keyBytes);
    for (;;) {
      const slot = this.#find(hash, key, keyBytes);
      const segment = this.#segment;
      if (this.#layers.isHeld(segment)) {
        if (!this.#copySegment(segment, hash)) return full;
        continue;
      }
      const isDone =
        slot >= 0
          ? this.#replace(segment, slot, key, keyBytes, kind, layer, value, start, end)
          : this.#insert(segment, ~slot, hash, key, keyBytes, kind, layer, value, start, end);
      if (isDone) {
        if (layer === this.#layers.current) this.#layers.markDirty(segment);
        return written;
      }
      if (!this.#makeRoom(segment, hash, isLargeEntry(keyBytes, end - start))) return full;
    }
  }

  /**
   * Keeps what was read from the database about a key that the table does not know. Once the table is full, a key takes the place of
   * others only when it is missed again soon: to keep what is read once and never again costs more than to look it up, and what is read
   * often would have to go.
   */
  keep(key: Uint8Array, keyBytes: number, value: Uint8Array, valueBytes: number): void {
    const isFull = this.sizeBytes >= this.#softSegments * segmentBytes;
    if (isFull && !this.#missed.again(signedMurmur3(key, 0, keyBytes))) return;
    this.put(key, keyBytes, valueKind, 0, value, 0, valueBytes);
  }

  /**
   * Adds bytes to the value of the entry that find() just found, in place; false where that is not possible, and nothing was changed.
   * `pieceLengthAt`: where, from the start of the value, the length of the piece to extend is stored; -1 for a plain value.
   */
  extend(key: Uint8Array, keyBytes: number, pieceLengthAt: number, more: Uint8Array, moreBytes: number): boolean {
    const slot = this.#find(signedMurmur3(key, 0, keyBytes), key, keyBytes);
    const pool = this.#pool;
    const segment = this.#segment;
    if (slot < 0 || this.#layers.isHeld(segment)) return false;
    const view = pool.viewOf(segment);
    const at = this.#entries.at(segment, slot);
    if (view.getUint32(at + layerAt, true) !== this.#layers.current) return false;
    if ((view.getUint8(at + kindAt) & largeFlag) !== 0) {
      const block = pool.block(view.getUint32(at + entryHeaderBytes, true));
      const valueStart = blockHeaderBytes + block.view.getUint32(0, true);
      const length = block.view.getUint32(4, true);
      if (valueStart + length + moreBytes > block.bytes.length) return false;
      copyBytes(more, 0, moreBytes, block.bytes, valueStart + length);
      block.view.setUint32(4, length + moreBytes, true);
      if (pieceLengthAt >= 0) addToLength(block.view, valueStart + pieceLengthAt, moreBytes);
    } else {
      const length = view.getUint16(at + valueLengthAt, true);
      if (length + moreBytes > view.getUint16(at + capacityAt, true)) return false;
      const valueStart = at + entryHeaderBytes + view.getUint16(at, true);
      copyBytes(more, 0, moreBytes, pool.bytesOf(segment), valueStart + length);
      view.setUint16(at + valueLengthAt, length + moreBytes, true);
      if (pieceLengthAt >= 0) addToLength(view, valueStart + pieceLengthAt, moreBytes);
    }
    this.#dirtyBytes += moreBytes;
    this.#layers.markDirty(segment);
    return true;
  }

  /** Ends the current layer. Takes the same time whatever was written in it. */
  freeze(): FrozenLayer {
    this.#mayPassLimit = false;
    this.#dirtyBytes = 0;
    return this.#layers.freeze();
  }

  /** The layer is in the database: its entries are clean from now on. Layers are drained in order. */
  drained(layer: number): void {
    this.#layers.setDrained(layer);
  }

  /**
   * Forgets everything, where all of it is in the database; false where it is not. Until the next freeze() blocks may pass the limit, so
   * that there is always room for one entry.
   */
  reset(): boolean {
    if (!this.#layers.isIdle) return false;
    const { cells } = this.#directory;
    for (let cell = 0; cell < cells.length; cell += 1) {
      const segment = cells[cell] as number;
      if (cell > 0 && cells[cell - 1] === segment) continue;
      this.#entries.each(segment, (at) => this.#evictor.evict(segment, at));
      this.#pool.free(segment);
    }
    this.#directory = new Directory(this.#pool.allocate(0, firstSlots));
    this.#mayPassLimit = true;
    return true;
  }

  /** Keeps every entry that is dirty now until unpin(). */
  pin(): number {
    return this.#layers.pin();
  }

  unpin(drainedLayer: number): void {
    this.#layers.unpin(drainedLayer);
  }

  /** Visits the key of every entry that is not in the database yet, in no particular order, with its layer. */
  visitDirty(visit: (key: Uint8Array, start: number, end: number, layer: number) => void): void {
    const { cells } = this.#directory;
    for (let cell = 0; cell < cells.length; cell += 1) {
      const segment = cells[cell] as number;
      if (cell > 0 && cells[cell - 1] === segment) continue;
      this.#entries.each(segment, (at, view) => {
        const layer = view.getUint32(at + layerAt, true);
        if (layer <= this.#layers.drained) return;
        const { bytes, start, end } = this.#entries.keyAt(segment, at);
        visit(bytes, start, end, layer);
      });
    }
  }

  #find(hash: number, key: Uint8Array, keyBytes: number): number {
    const pool = this.#pool;
    const directory = this.#directory;
    const segment = directory.cells[hash >>> directory.shift] as number;
    this.#segment = segment;
    const chunk = segment >>> chunkShift;
    const words = pool.words[chunk] as Uint32Array;
    const start = (segment & chunkMask) * segmentBytes;
    const firstWord = (start >>> 2) + 1;
    const mask = pool.slotMask[segment] as number;
    const tag = hash & 0xffff;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const found = words[firstWord + slot] as number;
      if (found === 0) return ~slot;
      if (found >>> 16 === tag && this.#entries.hasKey(chunk, start + (found & 0xffff), key, keyBytes)) return slot;
    }
  }

  #insert(
    segment: number, slot: number, hash: number,
    key: Uint8Array, keyBytes: number, kind: EntryKind, layer: number, value: Uint8Array, start: number, end: number,
  ): boolean {
    const pool = this.#pool;
    const slots = (pool.slotMask[segment] as number) + 1;
    const count = pool.count[segment] as number;
    if (count >= slots - slots / 8) return false;
    const offset = this.#append(segment, key, keyBytes, kind, layer, value, start, end, 0);
    if (offset === 0) return false;
    pool.count[segment] = count + 1;
    this.#entries.setSlot(segment, slot, ((hash & 0xffff) << 16) | offset);
    this.#inserted += 1;
    this.isNew = true;
    if (layer === this.#layers.current) this.#dirtyBytes += entryHeaderBytes + keyBytes + end - start;
    return true;
  }

  #replace(
    segment: number, slot: number,
    key: Uint8Array, keyBytes: number, kind: EntryKind, layer: number, value: Uint8Array, start: number, end: number,
  ): boolean {
    const pool = this.#pool;
    const view = pool.viewOf(segment);
    const at = this.#entries.at(segment, slot);
    const length = end - start;
    const oldLayer = view.getUint32(at + layerAt, true);
    const wasLarge = (view.getUint8(at + kindAt) & largeFlag) !== 0;
    const isLarge = isLargeEntry(keyBytes, length);
    if (wasLarge || isLarge || length > view.getUint16(at + capacityAt, true)) {
      // A value that grew once is likely to grow again.
      const offset = this.#append(segment, key, keyBytes, kind, layer, value, start, end, length >>> 2);
      if (offset === 0) return false;
      this.#drop(segment, at);
      const start32 = (pool.startOf(segment) >>> 2) + 1 + slot;
      const words = pool.words[segment >>> chunkShift] as Uint32Array;
      words[start32] = ((words[start32] as number) & 0xffff_0000) | offset;
    } else {
      view.setUint16(at + valueLengthAt, length, true);
      view.setUint8(at + kindAt, kind);
      view.setUint32(at + layerAt, layer, true);
      copyBytes(value, start, end, pool.bytesOf(segment), at + entryHeaderBytes + keyBytes);
    }
    this.isNew = oldLayer !== this.#layers.current;
    if (layer === this.#layers.current) this.#dirtyBytes += this.isNew ? entryHeaderBytes + keyBytes + length : 0;
    return true;
  }

  /** Writes an entry behind the last one; its offset, or 0 where there is no room. */
  #append(
    segment: number,
    key: Uint8Array, keyBytes: number, kind: EntryKind, layer: number, value: Uint8Array, start: number, end: number, slackBytes: number,
  ): number {
    const pool = this.#pool;
    const length = end - start;
    const offset = pool.top[segment] as number;
    const view = pool.viewOf(segment);
    const bytes = pool.bytesOf(segment);
    const at = pool.startOf(segment) + offset;
    if (isLargeEntry(keyBytes, length)) {
      if (offset + stubBytes > segmentBytes) return 0;
      const id = this.#writeBlock(key, keyBytes, value, start, end, slackBytes);
      if (id === -1) return 0;
      writeHeader(view, at, 0, stubValueBytes, stubValueBytes, kind | largeFlag, layer);
      view.setUint32(at + entryHeaderBytes, id, true);
      view.setUint32(at + entryHeaderBytes + 4, 0, true);
      pool.top[segment] = offset + stubBytes;
      pool.blockCount[segment] = (pool.blockCount[segment] as number) + 1;
      return offset;
    }
    const capacity = Math.min(length + slackBytes, largestInlineBytes);
    const sizeBytes = entryHeaderBytes + keyBytes + capacity;
    if (offset + sizeBytes > segmentBytes) return 0;
    writeHeader(view, at, keyBytes, length, capacity, kind, layer);
    copyBytes(key, 0, keyBytes, bytes, at + entryHeaderBytes);
    copyBytes(value, start, end, bytes, at + entryHeaderBytes + keyBytes);
    pool.top[segment] = offset + sizeBytes;
    return offset;
  }

  #writeBlock(key: Uint8Array, keyBytes: number, value: Uint8Array, start: number, end: number, slackBytes: number): number {
    const pool = this.#pool;
    const sizeBytes = blockHeaderBytes + keyBytes + (end - start) + slackBytes;
    if (!this.#mayTakeBlock(sizeBytes) && !this.#evictBlocks(sizeBytes) && !this.#mayPassLimit) return -1;
    const id = pool.allocateBlock(sizeBytes);
    const { bytes, view } = pool.block(id);
    view.setUint32(0, keyBytes, true);
    view.setUint32(4, end - start, true);
    copyBytes(key, 0, keyBytes, bytes, blockHeaderBytes);
    copyBytes(value, start, end, bytes, blockHeaderBytes + keyBytes);
    return id;
  }

  #mayTakeBlock(sizeBytes: number): boolean {
    return this.sizeBytes + sizeBytes <= this.#softSegments * segmentBytes;
  }

  /** The entry is no part of the live table any more. */
  #drop(segment: number, at: number): void {
    const pool = this.#pool;
    const view = pool.viewOf(segment);
    pool.garbage[segment] = (pool.garbage[segment] as number) + entrySizeBytes(view, at);
    if ((view.getUint8(at + kindAt) & largeFlag) === 0) return;
    pool.blockCount[segment] = (pool.blockCount[segment] as number) - 1;
    const block = view.getUint32(at + entryHeaderBytes, true);
    const layer = view.getUint32(at + layerAt, true);
    this.#layers.retireBlock(layer, block);
  }

  /** Puts a copy in the place of a segment that a frozen layer holds; false without memory for it. */
  #copySegment(segment: number, hash: number): boolean {
    const pool = this.#pool;
    const copy = pool.copy(segment);
    if (copy === -1) return false;
    this.#directory.replace(hash, pool.depth[copy] as number, copy);
    this.#layers.retireSegment(segment);
    return true;
  }

  /** Makes a full segment anew, splits it, or evicts clean entries from it; false where only a drain can help. */
  #makeRoom(segment: number, hash: number, isLarge: boolean): boolean {
    const pool = this.#pool;
    const slots = (pool.slotMask[segment] as number) + 1;
    const hasRoom = (pool.top[segment] as number) <= segmentBytes - stubBytes && (pool.count[segment] as number) < slots - slots / 8;
    // With room for a stub, it was a block that could not be had.
    if (isLarge && hasRoom) return false;
    if (this.#isWorthRebuilding(segment)) return this.#rebuild(segment, hash, false);
    const depth = pool.depth[segment] as number;
    const isBelowSoft = this.sizeBytes < this.#softSegments * segmentBytes;
    if (isBelowSoft && this.#split(segment, depth, hash)) return true;
    const isCrowded = this.sizeBytes >= this.#crowdedSegments * segmentBytes;
    if (isCrowded && this.#mergeWithBuddy(segment, depth, hash)) return true;
    if (this.#evictor.hasEvictable(segment)) return this.#rebuild(segment, hash, true);
    return this.#split(segment, depth, hash);
  }

  #isWorthRebuilding(segment: number): boolean {
    const pool = this.#pool;
    if ((pool.garbage[segment] as number) >= segmentBytes / 4) return true;
    const slots = (pool.slotMask[segment] as number) + 1;
    return this.#entries.slotsLike(segment) > slots && this.#entries.liveBytes(segment) < segmentBytes / 2;
  }

  #rebuild(segment: number, hash: number, isEvicting: boolean): boolean {
    const pool = this.#pool;
    const fresh = pool.allocate(pool.depth[segment] as number, this.#entries.slotsLike(segment));
    if (fresh === -1) return false;
    if (isEvicting) {
      // So that a quarter of the segment becomes free.
      const keptCleanBytes = (this.#entries.liveBytes(segment) - this.#evictor.dirtyPart(segment).bytes) / 2;
      this.#evictor.moveUsed([segment], fresh, keptCleanBytes);
    } else {
      this.#entries.each(segment, (at) => this.#entries.move(segment, at, fresh, this.#entries.hashAt(segment, at), false));
    }
    this.#directory.replace(hash, pool.depth[fresh] as number, fresh);
    this.#layers.inherit(segment, fresh);
    this.#layers.retireSegment(segment);
    return true;
  }

  /** Makes one segment of two whose changes are small, with a quarter of it free; false where that is not possible. */
  #mergeWithBuddy(segment: number, depth: number, hash: number): boolean {
    if (depth === 0) return false;
    const pool = this.#pool;
    const buddy = this.#directory.buddy(hash, depth);
    // Memory of a segment that a drain may be reading does not become free.
    if (pool.depth[buddy] !== depth || this.#layers.isHeld(buddy)) return false;
    const slots = Math.max(this.#entries.slotsLike(segment), this.#entries.slotsLike(buddy));
    const [one, other] = [this.#evictor.dirtyPart(segment), this.#evictor.dirtyPart(buddy)];
    const dirtyBytes = one.bytes + other.bytes;
    if (dirtyBytes > segmentBytes / 2 || one.count + other.count > slots / 2) return false;
    const fresh = pool.allocate(depth - 1, slots);
    if (fresh === -1) return false;
    this.#evictor.moveUsed([segment, buddy], fresh, (segmentBytes - firstEntry(slots)) * 0.75 - dirtyBytes);
    this.#directory.replace(hash, depth - 1, fresh);
    for (const from of [segment, buddy]) {
      this.#layers.inherit(from, fresh);
      this.#layers.retireSegment(from);
    }
    return true;
  }

  #split(segment: number, depth: number, hash: number): boolean {
    const pool = this.#pool;
    if (pool.freeSegments < 3 || !this.#directory.makeSplittable(depth, pool.usedSegments)) return false;
    const slots = this.#entries.slotsLike(segment);
    const low = pool.allocate(depth + 1, slots);
    const high = pool.allocate(depth + 1, slots);
    const bit = 0x8000_0000 >>> depth;
    this.#entries.each(segment, (at) => {
      const entryHash = this.#entries.hashAt(segment, at);
      this.#entries.move(segment, at, (entryHash & bit) === 0 ? low : high, entryHash, false);
    });
    this.#directory.split(hash, depth, low, high);
    this.#layers.inherit(segment, low);
    this.#layers.inherit(segment, high);
    this.#layers.retireSegment(segment);
    return true;
  }

  /** Frees blocks of clean entries until `neededBytes` are below the soft limit; false where there are not enough. */
  #evictBlocks(neededBytes: number): boolean {
    const { cells, shift } = this.#directory;
    const pool = this.#pool;
    for (let looked = 0; looked < cells.length * 2 && !this.#mayTakeBlock(neededBytes); looked += 1) {
      const cell = (this.#hand = (this.#hand + 1) % cells.length);
      const segment = cells[cell] as number;
      if ((pool.blockCount[segment] as number) === 0 || this.#layers.isHeld(segment)) continue;
      // The segment that is being written keeps its place.
      if (segment === this.#segment) continue;
      if (!this.#evictBlocksOf(segment, cell << shift)) break;
    }
    return this.#mayTakeBlock(neededBytes);
  }

  #evictBlocksOf(segment: number, hash: number): boolean {
    const pool = this.#pool;
    const limit = this.#layers.cleanLimit;
    let evictable = 0;
    this.#entries.each(segment, (at, view) => {
      if ((view.getUint8(at + kindAt) & largeFlag) === 0 || view.getUint32(at + layerAt, true) > limit) return;
      if (view.getUint8(at + referencedAt) === 0) evictable += 1;
    });
    if (evictable === 0) {
      // The second time round, what was not used since goes.
      this.#entries.each(segment, (at, view) => view.setUint8(at + referencedAt, 0));
      return true;
    }
    const fresh = pool.allocate(pool.depth[segment] as number, (pool.slotMask[segment] as number) + 1);
    if (fresh === -1) return false;
    this.#entries.each(segment, (at, view) => {
      const isLarge = (view.getUint8(at + kindAt) & largeFlag) !== 0;
      const isClean = view.getUint32(at + layerAt, true) <= limit;
      if (isLarge && isClean && view.getUint8(at + referencedAt) === 0) return this.#evictor.evict(segment, at);
      this.#entries.move(segment, at, fresh, this.#entries.hashAt(segment, at), false);
    });
    this.#directory.replace(hash, pool.depth[fresh] as number, fresh);
    this.#layers.inherit(segment, fresh);
    this.#layers.retireSegment(segment);
    return true;
  }

}

function writeHeader(
  view: DataView, at: number, keyBytes: number, valueBytes: number, capacityBytes: number, kind: number, layer: number,
): void {
  view.setUint16(at, keyBytes, true);
  view.setUint16(at + valueLengthAt, valueBytes, true);
  view.setUint16(at + capacityAt, capacityBytes, true);
  view.setUint8(at + kindAt, kind);
  view.setUint8(at + referencedAt, 0);
  view.setUint32(at + layerAt, layer, true);
}

function addToLength(view: DataView, at: number, moreBytes: number): void {
  view.setUint32(at, view.getUint32(at, true) + moreBytes, true);
}

function isLargeEntry(keyBytes: number, valueBytes: number): boolean {
  return entryHeaderBytes + keyBytes + valueBytes > largestInlineBytes;
}

import { signedMurmur3 } from "@tidemark/core/state";
import {
  blockHeaderBytes,
  entryHeaderBytes,
  entrySizeBytes,
  firstEntry,
  kindAt,
  largeFlag,
  referencedAt,
  segmentBytes,
} from "./entry-format.js";
import { chunkShift, type SegmentPool } from "./segment-pool.js";

const chunkMask = (1 << chunkShift) - 1;
const smallestSlots = 16;
const largestSlots = 2048;

/** The entries of a pool's segments: finding their keys, visiting and moving them. A place (`at`) counts from the start of the chunk. */
export class SegmentEntries {
  readonly pool: SegmentPool;

  constructor(pool: SegmentPool) {
    this.pool = pool;
  }

  /** Where the entry of a slot begins in its chunk. */
  at(segment: number, slot: number): number {
    const start = (segment & chunkMask) * segmentBytes;
    return start + (((this.pool.words[segment >>> chunkShift] as Uint32Array)[(start >>> 2) + 1 + slot] as number) & 0xffff);
  }

  setSlot(segment: number, slot: number, entry: number): void {
    const start = (segment & chunkMask) * segmentBytes;
    (this.pool.words[segment >>> chunkShift] as Uint32Array)[(start >>> 2) + 1 + slot] = entry;
  }

  hasKey(chunk: number, at: number, key: Uint8Array, keyBytes: number): boolean {
    const pool = this.pool;
    const view = pool.views[chunk] as DataView;
    let bytes = pool.bytes[chunk] as Uint8Array;
    let length = view.getUint16(at, true);
    let from = at + entryHeaderBytes;
    if (((bytes[at + kindAt] as number) & largeFlag) !== 0) {
      const block = pool.block(view.getUint32(from, true));
      bytes = block.bytes;
      length = block.view.getUint32(0, true);
      from = blockHeaderBytes;
    }
    if (length !== keyBytes) return false;
    // Keys of one state begin alike, so the ends are compared first.
    for (let i = keyBytes - 1; i >= 0; i -= 1) if (bytes[from + i] !== key[i]) return false;
    return true;
  }

  keyAt(segment: number, at: number): { readonly bytes: Uint8Array; readonly start: number; readonly end: number } {
    const pool = this.pool;
    const view = pool.viewOf(segment);
    if ((view.getUint8(at + kindAt) & largeFlag) !== 0) {
      const block = pool.block(view.getUint32(at + entryHeaderBytes, true));
      return { bytes: block.bytes, start: blockHeaderBytes, end: blockHeaderBytes + block.view.getUint32(0, true) };
    }
    const start = at + entryHeaderBytes;
    return { bytes: pool.bytesOf(segment), start, end: start + view.getUint16(at, true) };
  }

  hashAt(segment: number, at: number): number {
    const { bytes, start, end } = this.keyAt(segment, at);
    return signedMurmur3(bytes, start, end);
  }

  each(segment: number, visit: (at: number, view: DataView) => void): void {
    const pool = this.pool;
    const view = pool.viewOf(segment);
    const words = pool.words[segment >>> chunkShift] as Uint32Array;
    const start = pool.startOf(segment);
    const slots = (pool.slotMask[segment] as number) + 1;
    const firstWord = (start >>> 2) + 1;
    for (let slot = 0; slot < slots; slot += 1) {
      const entry = words[firstWord + slot] as number;
      if (entry !== 0) visit(start + (entry & 0xffff), view);
    }
  }

  move(from: number, at: number, to: number, hash: number, isUnreferenced: boolean): void {
    const pool = this.pool;
    const view = pool.viewOf(from);
    const sizeBytes = entrySizeBytes(view, at);
    const offset = pool.top[to] as number;
    const target = pool.startOf(to) + offset;
    pool.bytesOf(to).set(pool.bytesOf(from).subarray(at, at + sizeBytes), target);
    if (isUnreferenced) pool.viewOf(to).setUint8(target + referencedAt, 0);
    if ((view.getUint8(at + kindAt) & largeFlag) !== 0) pool.blockCount[to] = (pool.blockCount[to] as number) + 1;
    pool.top[to] = offset + sizeBytes;
    pool.count[to] = (pool.count[to] as number) + 1;
    const mask = pool.slotMask[to] as number;
    const words = pool.words[to >>> chunkShift] as Uint32Array;
    const firstWord = (pool.startOf(to) >>> 2) + 1;
    let slot = hash & 0xffff & mask;
    while (words[firstWord + slot] !== 0) slot = (slot + 1) & mask;
    words[firstWord + slot] = ((hash & 0xffff) << 16) | offset;
  }

  liveBytes(segment: number): number {
    const pool = this.pool;
    const slots = (pool.slotMask[segment] as number) + 1;
    return (pool.top[segment] as number) - firstEntry(slots) - (pool.garbage[segment] as number);
  }

  /** As many slots as a segment full of entries like those of `segment` needs, at least as many as they need now. */
  slotsLike(segment: number): number {
    const pool = this.pool;
    const count = pool.count[segment] as number;
    const current = (pool.slotMask[segment] as number) + 1;
    if (count === 0) return current;
    const liveBytes = this.liveBytes(segment);
    const entries = segmentBytes / (liveBytes / count + 6);
    const fitting = Math.min(largestSlots, Math.max(smallestSlots, 2 ** Math.ceil(Math.log2((entries * 8) / 7))));
    const isEnough = count <= fitting - fitting / 8 && firstEntry(fitting) + liveBytes <= segmentBytes;
    return isEnough ? fitting : current;
  }
}

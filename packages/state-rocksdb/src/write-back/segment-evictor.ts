import { entryHeaderBytes, entrySizeBytes, kindAt, largeFlag, layerAt, referencedAt, segmentBytes } from "./entry-format.js";
import type { SegmentEntries } from "./segment-entries.js";
import type { SegmentPool } from "./segment-pool.js";
import type { TableLayers } from "./table-layers.js";

/**
 * Decides which clean entries of a segment make room for others: those that were not used since the last eviction first (CLOCK). An
 * entry is clean when its layer is in the database and no cursor needs it.
 */
export class SegmentEvictor {
  /** Entries evicted so far. */
  evictions = 0;
  readonly #pool: SegmentPool;
  readonly #entries: SegmentEntries;
  readonly #layers: TableLayers;

  constructor(pool: SegmentPool, entries: SegmentEntries, layers: TableLayers) {
    this.#pool = pool;
    this.#entries = entries;
    this.#layers = layers;
  }

  /** True where a quarter of the segment's bytes or entries can go. */
  hasEvictable(segment: number): boolean {
    const limit = this.#layers.cleanLimit;
    let evictableBytes = 0;
    let evictableCount = 0;
    this.#entries.each(segment, (at, view) => {
      if (view.getUint32(at + layerAt, true) > limit) return;
      evictableBytes += entrySizeBytes(view, at);
      evictableCount += 1;
    });
    return evictableBytes >= segmentBytes / 4 || evictableCount >= (this.#pool.count[segment] as number) / 4;
  }

  /** What has to stay. */
  dirtyPart(segment: number): { readonly bytes: number; readonly count: number } {
    const limit = this.#layers.cleanLimit;
    let bytes = 0;
    let count = 0;
    this.#entries.each(segment, (at, view) => {
      if (view.getUint32(at + layerAt, true) <= limit) return;
      bytes += entrySizeBytes(view, at);
      count += 1;
    });
    return { bytes, count };
  }

  /** Moves what must stay, and of the clean entries so many bytes, those first that were used since the last eviction. */
  moveUsed(segments: readonly number[], fresh: number, cleanBytes: number): void {
    const pool = this.#pool;
    const limit = this.#layers.cleanLimit;
    const mostEntries = ((pool.slotMask[fresh] as number) + 1) * 0.75;
    let leftBytes = cleanBytes;
    for (const isFirstRound of [true, false]) {
      for (const segment of segments) {
        this.#entries.each(segment, (at, view) => {
          const isClean = view.getUint32(at + layerAt, true) <= limit;
          if (isFirstRound !== (!isClean || view.getUint8(at + referencedAt) !== 0)) return;
          if (isClean) {
            leftBytes -= entrySizeBytes(view, at);
            if (leftBytes < 0 || (pool.count[fresh] as number) >= mostEntries) return this.evict(segment, at);
          }
          this.#entries.move(segment, at, fresh, this.#entries.hashAt(segment, at), true);
        });
      }
    }
  }

  /** Takes a clean entry out; its segment is about to be given up. */
  evict(segment: number, at: number): void {
    const pool = this.#pool;
    const view = pool.viewOf(segment);
    this.evictions += 1;
    if ((view.getUint8(at + kindAt) & largeFlag) !== 0) pool.freeBlock(view.getUint32(at + entryHeaderBytes, true));
  }
}

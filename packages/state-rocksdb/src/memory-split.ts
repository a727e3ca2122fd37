/**
 * What a budget is divided into. The parts add up to 1, and each is bounded: what RocksDB reads of index and filter blocks is in its block
 * cache (docs/decisions/0009-index-and-filters-in-the-block-cache.md).
 */
export const memoryParts = {
  /** The write-back table: what changed, frozen layers, and a cache of what was read. */
  table: 0.5,
  /** A layer that is drained is copied first. One is frozen before its time when it fills a fifth of the table. */
  layerCopy: 0.1,
  /** Data, index and filter blocks, and memtables, which stay empty. */
  blockCache: 0.25,
  /** Buffers of compactions, iterators, files on their way into a checkpoint, and what the allocator loses. Nothing is reserved for it. */
  transfer: 0.15,
} as const;

/** Bytes of the parts that are given out. */
export interface MemorySplit {
  readonly tableBytes: number;
  readonly blockCacheBytes: number;
}

export function splitMemory(budgetBytes: number): MemorySplit {
  return {
    tableBytes: Math.floor(budgetBytes * memoryParts.table),
    blockCacheBytes: Math.floor(budgetBytes * memoryParts.blockCache),
  };
}

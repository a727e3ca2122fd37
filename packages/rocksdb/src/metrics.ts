/** Bytes that a database uses. */
export interface MemoryUsage {
  /** Of the whole cache, also when it is shared. Holds index and filters only with cacheIndexAndFilterBlocks. */
  readonly blockCache: number;
  readonly blockCachePinned: number;
  /** Index and filters outside of the cache; an estimate of RocksDB's. */
  readonly tableReaders: number;
  readonly memtables: number;
  /** Of drains that have begun and not succeeded: what they copied out of the write-back table. */
  readonly layerCopies: number;
}

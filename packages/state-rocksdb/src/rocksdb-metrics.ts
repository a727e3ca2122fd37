import type { Database, TableMemory } from "@tidemark/rocksdb";
import type { MergeCounters } from "./delta-merges.js";
import type { WriteBackCounters } from "./write-back/write-back-store.js";

/** What the backend says of itself: counts since it was opened, and sizes and states of now. docs/rocksdb-backend.md explains each. */
export interface RocksDBMetrics {
  readonly tableHits: number;
  readonly tableMisses: number;
  readonly tableEvictions: number;
  readonly tableSpills: number;
  readonly tableStalls: number;
  readonly tablePauses: number;
  readonly tableEntries: number;
  readonly tableDirtyBytes: number;
  readonly tableBytes: number;
  readonly layerCopyBytes: number;
  readonly blockCacheBytes: number;
  readonly blockCachePinnedBytes: number;
  readonly tableReadersBytes: number;
  readonly memtablesBytes: number;
  readonly blockCacheHits: number;
  readonly blockCacheMisses: number;
  readonly indexAndFilterMisses: number;
  readonly writeStallMs: number;
  readonly writesStopped: number;
  readonly levelZeroFiles: number;
  readonly runningCompactions: number;
  readonly pendingCompactionBytes: number;
  readonly compactionReadBytes: number;
  readonly compactionWrittenBytes: number;
  readonly tableFilesBytes: number;
  readonly liveDataBytes: number;
  readonly expiredRemoved: number;
  readonly backgroundErrors: number;
  readonly deltaRuns: number;
  readonly mergesDone: number;
  readonly mergedRuns: number;
  readonly mergesFailed: number;
}

/** RocksDB's properties of a column family. */
const properties = {
  levelZeroFiles: "rocksdb.num-files-at-level0",
  writesStopped: "rocksdb.is-write-stopped",
  runningCompactions: "rocksdb.num-running-compactions",
  pendingCompactionBytes: "rocksdb.estimate-pending-compaction-bytes",
  tableFilesBytes: "rocksdb.total-sst-files-size",
  liveDataBytes: "rocksdb.estimate-live-data-size",
  backgroundErrors: "rocksdb.background-errors",
} as const;

/** Reads them all. Counts of RocksDB's are 0 where its statistics are off. Throws RocksDBError DISPOSED when the database is closed. */
export function readMetrics(
  database: Database,
  columnFamily: number,
  hasStatistics: boolean,
  memory: TableMemory,
  table: WriteBackCounters,
  merges: MergeCounters & { readonly runs: number },
): RocksDBMetrics {
  const usage = database.memoryUsage();
  const statistics = hasStatistics ? database.statistics() : {};
  const counted = (name: string): number => statistics[name] ?? 0;
  return {
    tableHits: table.hits,
    tableMisses: table.misses,
    tableEvictions: table.evictions,
    tableSpills: table.spills,
    tableStalls: table.stalls,
    tablePauses: table.pauses,
    tableEntries: table.entries,
    tableDirtyBytes: table.dirtyBytes,
    tableBytes: memory.sizeBytes,
    layerCopyBytes: usage.layerCopies,
    blockCacheBytes: usage.blockCache,
    blockCachePinnedBytes: usage.blockCachePinned,
    tableReadersBytes: usage.tableReaders,
    memtablesBytes: usage.memtables,
    blockCacheHits: counted("rocksdb.block.cache.hit"),
    blockCacheMisses: counted("rocksdb.block.cache.miss"),
    indexAndFilterMisses: counted("rocksdb.block.cache.index.miss") + counted("rocksdb.block.cache.filter.miss"),
    writeStallMs: counted("rocksdb.stall.micros") / 1_000,
    compactionReadBytes: counted("rocksdb.compact.read.bytes"),
    compactionWrittenBytes: counted("rocksdb.compact.write.bytes"),
    deltaRuns: merges.runs,
    mergesDone: merges.done,
    mergedRuns: merges.mergedRuns,
    mergesFailed: merges.failed,
    expiredRemoved: database.ttlStatistics().removed,
    ...readProperties(database, columnFamily),
  };
}

function readProperties(database: Database, columnFamily: number): Record<keyof typeof properties, number> {
  const values = Object.entries(properties).map(([name, property]) => [name, Number(database.property(columnFamily, property) ?? 0)]);
  return Object.fromEntries(values) as Record<keyof typeof properties, number>;
}

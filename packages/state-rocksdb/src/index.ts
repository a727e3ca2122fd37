export type { DatabaseTuning, IndexAndFilters } from "./database-tuning.js";
export type { RocksDBPreset } from "./presets.js";
export type { RocksDBMetrics } from "./rocksdb-metrics.js";
export { rocksdbBackend, type RocksDBBackendOptions } from "./rocksdb-backend.js";

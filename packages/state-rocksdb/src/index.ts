export { rocksdbBackend, type RocksDBBackendOptions } from "./rocksdb-backend.js";

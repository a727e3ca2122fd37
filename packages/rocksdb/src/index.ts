export { Database, type ColumnFamily } from "./database.js";
export { RocksDBError, type RocksDBErrorCode } from "./errors.js";
export { importFileOf, type FlushOutput, type ImportFile, type LiveFile } from "./files.js";
export { DatabaseIterator, type Entry, type IteratorOptions } from "./iterator.js";
export { KeyList } from "./key-list.js";
export { version, type BindingVersion } from "./native.js";
export type { ColumnFamilyOptions, MergeOperator, OpenOptions } from "./options.js";
export { Snapshot } from "./snapshot.js";
export { WriteBatch, type WriteBatchOptions } from "./write-batch.js";

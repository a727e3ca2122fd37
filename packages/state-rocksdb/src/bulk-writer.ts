import { type Database, WriteBatch } from "@tidemark/rocksdb";
import { asStateError } from "./errors.js";

/** A batch is written once it holds this much. */
const batchTargetBytes = 1024 * 1024;
/** The largest list there can be, its key and the batch before it. */
const batchMaxBytes = 1024 * 1024 * 1024;

/** Fills a column family with many entries. */
export class BulkWriter {
  readonly #database: Database;
  readonly #columnFamily: number;
  readonly #batch = new WriteBatch({ limitBytes: batchMaxBytes });

  constructor(database: Database, columnFamily: number) {
    this.#database = database;
    this.#columnFamily = columnFamily;
  }

  /** Takes key and value as parts of arrays. True when a batch was written, a good moment for the caller to pause. */
  put(key: Uint8Array, keyStart: number, keyEnd: number, value: Uint8Array, valueStart: number, valueEnd: number): boolean {
    const batch = this.#batch;
    try {
      batch.put(this.#columnFamily, key, value, keyStart, keyEnd, valueStart, valueEnd);
    } catch (error) {
      throw asStateError(error);
    }
    if (batch.sizeBytes < batchTargetBytes) return false;
    this.finish();
    return true;
  }

  /** Writes what is left. */
  finish(): void {
    try {
      if (this.#batch.count > 0) this.#database.write(this.#batch);
    } catch (error) {
      throw asStateError(error);
    }
    this.#batch.clear();
  }
}

import type { Database, DatabaseIterator } from "@tidemark/rocksdb";
import { ByteReader, type EntryConsumer, type StateExport } from "@tidemark/core/state";
import type { Json } from "@tidemark/core/storage";
import { asStateError } from "./errors.js";

/** All entries of a column family as they are when this is made. Lists come whole: the iterator combines what was appended. */
export class RocksDBExport implements StateExport {
  readonly states: Json;
  readonly #iterator: DatabaseIterator;

  constructor(database: Database, columnFamily: number, states: Json) {
    this.states = states;
    // What a savepoint reads once must not push out of the cache what records need.
    this.#iterator = database.iterator(columnFamily, { fillCache: false });
  }

  *entries(visit: EntryConsumer): Generator<void, void, undefined> {
    const iterator = this.#iterator;
    const key = new ByteReader();
    const value = new ByteReader();
    while (advance(iterator)) {
      key.reset(iterator.buffer, iterator.keyStart, iterator.keyEnd);
      value.reset(iterator.buffer, iterator.valueStart, iterator.valueEnd);
      visit(key, value);
      yield;
    }
  }

  close(): void {
    this.#iterator.close();
  }
}

function advance(iterator: DatabaseIterator): boolean {
  try {
    return iterator.next();
  } catch (error) {
    throw asStateError(error);
  }
}

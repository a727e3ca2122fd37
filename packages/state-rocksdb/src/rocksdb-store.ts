import { type Database, type DatabaseIterator, WriteBatch } from "@tidemark/rocksdb";
import { type ByteCursor, ByteReader, type ByteWriter, type OrderedByteStore } from "@tidemark/core/state";
import { asStateError } from "./errors.js";

/** A column family as the sorted map of byte strings that keyed state is stored in. */
export class RocksDBStore implements OrderedByteStore {
  readonly #database: Database;
  readonly #family: number;
  readonly #value = new ByteReader();
  readonly #batch = new WriteBatch();

  constructor(database: Database, columnFamily: number) {
    this.#database = database;
    this.#family = columnFamily;
  }

  get(key: ByteWriter): ByteReader | undefined {
    try {
      const length = this.#database.get(this.#family, key.bytes, 0, key.length);
      if (length < 0) return undefined;
      this.#value.reset(this.#database.output, 0, length);
      return this.#value;
    } catch (error) {
      throw asStateError(error);
    }
  }

  put(key: ByteWriter, value: ByteWriter): void {
    this.#write((batch) => batch.put(this.#family, key.bytes, value.bytes, 0, key.length, 0, value.length));
  }

  append(key: ByteWriter, bytes: ByteWriter): void {
    this.#write((batch) => batch.merge(this.#family, key.bytes, bytes.bytes, 0, key.length, 0, bytes.length));
  }

  delete(key: ByteWriter): void {
    this.#write((batch) => batch.delete(this.#family, key.bytes, 0, key.length));
  }

  deleteRange(lower: Uint8Array, upper: Uint8Array): void {
    this.#write((batch) => batch.deleteRange(this.#family, lower, upper));
  }

  scan(lower: Uint8Array, upper: Uint8Array): ByteCursor {
    try {
      return new RocksDBCursor(this.#database.iterator(this.#family, { lower, upper }));
    } catch (error) {
      throw asStateError(error);
    }
  }

  #write(fill: (batch: WriteBatch) => void): void {
    try {
      this.#batch.clear();
      fill(this.#batch);
      this.#database.write(this.#batch);
    } catch (error) {
      throw asStateError(error);
    }
  }
}

class RocksDBCursor implements ByteCursor {
  readonly key = new ByteReader();
  readonly value = new ByteReader();
  readonly #iterator: DatabaseIterator;

  constructor(iterator: DatabaseIterator) {
    this.#iterator = iterator;
  }

  next(): boolean {
    const iterator = this.#iterator;
    try {
      if (!iterator.next()) {
        iterator.close();
        return false;
      }
    } catch (error) {
      iterator.close();
      throw asStateError(error);
    }
    this.key.reset(iterator.buffer, iterator.keyStart, iterator.keyEnd);
    this.value.reset(iterator.buffer, iterator.valueStart, iterator.valueEnd);
    return true;
  }

  close(): void {
    this.#iterator.close();
  }
}

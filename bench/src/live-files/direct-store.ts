import { ByteReader, type ByteCursor, type ByteWriter, type OrderedByteStore } from "@tidemark/core/state";
import { type Database, type DatabaseIterator, WriteBatch } from "@tidemark/rocksdb";

/** State straight in a column family, each write through RocksDB's memtable: as Flink keeps it. */
export class DirectStore implements OrderedByteStore {
  readonly #database: Database;
  readonly #family: number;
  readonly #batch = new WriteBatch();
  readonly #reader = new ByteReader();

  constructor(database: Database, columnFamily: number) {
    this.#database = database;
    this.#family = columnFamily;
  }

  get(key: ByteWriter): ByteReader | undefined {
    const sizeBytes = this.#database.get(this.#family, key.bytes, 0, key.length);
    if (sizeBytes < 0) return undefined;
    this.#reader.reset(this.#database.output, 0, sizeBytes);
    return this.#reader;
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
    const iterator = this.#database.iterator(this.#family, { upper });
    iterator.seek(lower);
    return new DirectCursor(iterator);
  }

  #write(fill: (batch: WriteBatch) => void): void {
    this.#batch.clear();
    fill(this.#batch);
    this.#database.write(this.#batch);
  }
}

class DirectCursor implements ByteCursor {
  readonly key = new ByteReader();
  readonly value = new ByteReader();
  readonly #iterator: DatabaseIterator;

  constructor(iterator: DatabaseIterator) {
    this.#iterator = iterator;
  }

  next(): boolean {
    if (!this.#iterator.next()) {
      this.close();
      return false;
    }
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = this.#iterator;
    this.key.reset(buffer, keyStart, keyEnd);
    this.value.reset(buffer, valueStart, valueEnd);
    return true;
  }

  close(): void {
    this.#iterator.close();
  }
}

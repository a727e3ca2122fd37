import type { EntryKeys } from "../bytes/entry-keys.js";
import { ValueCodec } from "../bytes/value-codec.js";
import type { HeapOwner } from "../heap/heap-keys.js";
import type { EntryVisitor, HeapState, IsExpired } from "../heap/heap-state.js";
import type { KeyGroupRange } from "../key-groups.js";
import { type ByteReader, ByteWriter, type SerializerSnapshot, type TypeSerializer } from "../serializers/index.js";
import type { ValueState } from "../state-kinds.js";
import { KeyedTable, type KeyedTableOptions } from "./keyed-table.js";

export interface TableStateOptions extends Omit<KeyedTableOptions, "valueBytes"> {
  /** Every schema the values were written with, oldest first, the serializer's own last. Default: only its own. */
  readonly schemas?: readonly SerializerSnapshot[];
}

/** Value state as bytes in a table: for keys and values with compiled serializers. No object for an entry, no garbage for an access. */
export class TableValueState<K, N, T> implements ValueState<T>, HeapState<K, N> {
  readonly #keys: EntryKeys<K, N>;
  readonly #table: KeyedTable<K, N>;
  readonly #codec: ValueCodec<T>;

  /** Throws INVALID_ARGUMENT for a `maxBytes` that is not a positive number. */
  constructor(keys: EntryKeys<K, N>, serializer: TypeSerializer<T>, options: TableStateOptions = {}) {
    this.#keys = keys;
    this.#codec = new ValueCodec(serializer, options.schemas);
    const valueBytes = this.#codec.fixedSizeBytes;
    this.#table = new KeyedTable(keys, { ...options, ...(valueBytes === undefined ? {} : { valueBytes }) });
  }

  setNamespace(namespace: N): void {
    this.#keys.setNamespace(namespace);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Memory taken by live and frozen entries. */
  get sizeBytes(): number {
    return this.#table.sizeBytes;
  }

  value(): Readonly<T> | undefined {
    const table = this.#table;
    table.atCurrent();
    return table.find() ? this.#codec.decode(table.value) : undefined;
  }

  /** Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE, NO_MEMORY; the value is the one before then. */
  update(value: T): void {
    const encoded = this.#codec.encode(value);
    this.#table.atCurrent();
    this.#table.put(encoded, 0, encoded.length);
  }

  clear(): void {
    this.#table.atCurrent();
    this.#table.remove();
  }

  /** Keys that have a value at the first step, each once, in byte order of (key group, key). */
  stateKeys(): Generator<K, void, undefined> {
    return this.#table.keys();
  }

  namespaces(): N[] {
    return this.#table.namespaces();
  }

  owners(): Generator<HeapOwner<K, N>, void, undefined> {
    return this.#table.owners();
  }

  sweep(isExpired: IsExpired, count: number): void {
    this.#table.sweep(count, (value) => isExpired(this.#codec.decode(value)));
  }

  freeze(): void {
    this.#table.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Generator<void, void, undefined> {
    const stored = new ByteWriter();
    yield* this.#table.frozen((key, value) => {
      stored.reset();
      stored.rawWords(value, value.position, value.end);
      visit(key, stored);
    }, keyGroups);
  }

  release(): void {
    this.#table.release();
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    this.#table.atStored(keyGroup, key);
    key.expectEnd();
    const encoded = this.#codec.encode(this.#codec.decode(value));
    this.#table.put(encoded, 0, encoded.length);
  }
}

import { prefixEnd } from "../key-context.js";
import type { ByteWriter, KeySerializer } from "../serializers/index.js";
import type { MapState } from "../state-kinds.js";
import type { EntryKeys } from "./entry-keys.js";
import type { ByteCursor, OrderedByteStore } from "./ordered-byte-store.js";
import type { ValueCodec } from "./value-codec.js";

/**
 * Up to this many entries clear() deletes one by one. Many range tombstones slow every read (100,000 of them in a
 * memtable took gets from 269,000 to 8,000 a second), so they are kept for maps where they pay.
 */
const pointDeletesMax = 1_000;

/** Map state in an ordered byte store: one entry a (key, map key). */
export class ByteMapState<K, N, UK, UV> implements MapState<UK, UV> {
  readonly #store: OrderedByteStore;
  readonly #entryKeys: EntryKeys<K, N>;
  readonly #keys: KeySerializer<UK>;
  readonly #codec: ValueCodec<UV>;

  constructor(store: OrderedByteStore, entryKeys: EntryKeys<K, N>, keys: KeySerializer<UK>, codec: ValueCodec<UV>) {
    this.#store = store;
    this.#entryKeys = entryKeys;
    this.#keys = keys;
    this.#codec = codec;
  }

  get(key: UK): Readonly<UV> | undefined {
    const stored = this.#store.get(this.#entryKey(key));
    return stored === undefined ? undefined : this.#codec.decode(stored);
  }

  put(key: UK, value: UV): void {
    const encoded = this.#codec.encode(value);
    this.#store.put(this.#entryKey(key), encoded);
  }

  putAll(entries: Iterable<readonly [UK, UV]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  contains(key: UK): boolean {
    return this.#store.get(this.#entryKey(key)) !== undefined;
  }

  remove(key: UK): void {
    this.#store.delete(this.#entryKey(key));
  }

  isEmpty(): boolean {
    const cursor = this.#scan();
    try {
      return !cursor.next();
    } finally {
      cursor.close();
    }
  }

  *entries(): IterableIterator<readonly [UK, Readonly<UV>]> {
    const prefixBytes = this.#prefix().length;
    for (const cursor of this.#walk()) {
      cursor.key.skip(prefixBytes);
      yield [this.#keys.readKey(cursor.key), this.#codec.decode(cursor.value)];
    }
  }

  *keys(): IterableIterator<UK> {
    const prefixBytes = this.#prefix().length;
    for (const cursor of this.#walk()) {
      cursor.key.skip(prefixBytes);
      yield this.#keys.readKey(cursor.key);
    }
  }

  *values(): IterableIterator<Readonly<UV>> {
    for (const cursor of this.#walk()) yield this.#codec.decode(cursor.value);
  }

  clear(): void {
    const lower = this.#prefix().copy();
    const upper = prefixEnd(lower);
    const found: Uint8Array[] = [];
    const cursor = this.#store.scan(lower, upper);
    while (found.length <= pointDeletesMax && cursor.next()) found.push(cursor.key.copy(cursor.key.remaining));
    cursor.close();
    if (found.length > pointDeletesMax) {
      this.#store.deleteRange(lower, upper);
      return;
    }
    for (const entry of found) {
      const key = this.#prefix();
      key.raw(entry, lower.length);
      this.#store.delete(key);
    }
  }

  /** The part of stored keys that all entries of the current key share. */
  #prefix(): ByteWriter {
    return this.#entryKeys.current();
  }

  #entryKey(key: UK): ByteWriter {
    const entryKey = this.#entryKeys.current();
    this.#keys.writeKey(key, entryKey);
    return entryKey;
  }

  #scan(): ByteCursor {
    const lower = this.#prefix().copy();
    return this.#store.scan(lower, prefixEnd(lower));
  }

  *#walk(): IterableIterator<ByteCursor> {
    const cursor = this.#scan();
    try {
      while (cursor.next()) yield cursor;
    } finally {
      cursor.close();
    }
  }
}

import type { ListState } from "../state-kinds.js";
import type { EntryKeys } from "./entry-keys.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";
import type { ListCodec } from "./value-codec.js";

/** List state in an ordered byte store: one entry a key, appended to without reading it. */
export class ByteListState<K, N, T> implements ListState<T> {
  readonly #store: OrderedByteStore;
  readonly #keys: EntryKeys<K, N>;
  readonly #codec: ListCodec<T>;

  constructor(store: OrderedByteStore, keys: EntryKeys<K, N>, codec: ListCodec<T>) {
    this.#store = store;
    this.#keys = keys;
    this.#codec = codec;
  }

  get(): readonly Readonly<T>[] {
    const stored = this.#store.get(this.#keys.current());
    return stored === undefined ? [] : this.#codec.decode(stored);
  }

  add(element: T): void {
    this.addAll([element]);
  }

  addAll(elements: Iterable<T>): void {
    const encoded = this.#codec.encode(elements);
    const key = this.#keys.current();
    if (encoded.length > 0) this.#store.append(key, encoded);
  }

  update(elements: Iterable<T>): void {
    const encoded = this.#codec.encode(elements);
    const key = this.#keys.current();
    if (encoded.length > 0) this.#store.put(key, encoded);
    else this.#store.delete(key);
  }

  clear(): void {
    this.#store.delete(this.#keys.current());
  }
}

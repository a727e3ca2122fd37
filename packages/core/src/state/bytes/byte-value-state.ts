import type { ValueState } from "../state-kinds.js";
import type { EntryKeys } from "./entry-keys.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";
import type { ValueCodec } from "./value-codec.js";

/** Value state in an ordered byte store: one entry a key. */
export class ByteValueState<K, N, T> implements ValueState<T> {
  readonly #store: OrderedByteStore;
  readonly #keys: EntryKeys<K, N>;
  readonly #codec: ValueCodec<T>;

  constructor(store: OrderedByteStore, keys: EntryKeys<K, N>, codec: ValueCodec<T>) {
    this.#store = store;
    this.#keys = keys;
    this.#codec = codec;
  }

  value(): Readonly<T> | undefined {
    const stored = this.#store.get(this.#keys.current());
    return stored === undefined ? undefined : this.#codec.decode(stored);
  }

  update(value: T): void {
    const encoded = this.#codec.encode(value);
    this.#store.put(this.#keys.current(), encoded);
  }

  clear(): void {
    this.#store.delete(this.#keys.current());
  }
}

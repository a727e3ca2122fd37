import type { KeyContext } from "../key-context.js";
import type { TypeSerializer } from "../serializers/index.js";
import type { ValueState } from "../state-kinds.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";
import { ValueCodec } from "./value-codec.js";

/** Value state in an ordered byte store: one entry a key. */
export class ByteValueState<K, T> implements ValueState<T> {
  readonly #store: OrderedByteStore;
  readonly #context: KeyContext<K>;
  readonly #id: number;
  readonly #codec: ValueCodec<T>;

  constructor(store: OrderedByteStore, context: KeyContext<K>, id: number, serializer: TypeSerializer<T>) {
    this.#store = store;
    this.#context = context;
    this.#id = id;
    this.#codec = new ValueCodec(serializer);
  }

  value(): Readonly<T> | undefined {
    const stored = this.#store.get(this.#context.entryKey(this.#id));
    return stored === undefined ? undefined : this.#codec.decode(stored);
  }

  update(value: T): void {
    const key = this.#context.entryKey(this.#id);
    this.#store.put(key, this.#codec.encode(value));
  }

  clear(): void {
    this.#store.delete(this.#context.entryKey(this.#id));
  }
}

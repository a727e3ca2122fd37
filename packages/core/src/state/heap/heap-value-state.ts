import { ValueCodec } from "../bytes/value-codec.js";
import type { KeyContext } from "../key-context.js";
import { type ByteReader, ByteWriter, type TypeSerializer } from "../serializers/index.js";
import type { ValueState } from "../state-kinds.js";
import { type HashKey, HashKeys } from "./hash-key.js";
import type { EntryVisitor, HeapState } from "./heap-state.js";
import { SnapshotMap } from "./snapshot-map.js";

interface Entry<K, T> {
  readonly key: K;
  readonly keyGroup: number;
  readonly value: T;
}

/** Value state as objects on the heap. */
export class HeapValueState<K, T> implements ValueState<T>, HeapState {
  readonly #context: KeyContext<K>;
  readonly #id: number;
  readonly #codec: ValueCodec<T>;
  readonly #hashKeys: HashKeys<K>;
  readonly #entries = new SnapshotMap<HashKey, Entry<K, T>>();
  #frozen: ReadonlyMap<HashKey, Entry<K, T>> | undefined;

  constructor(context: KeyContext<K>, id: number, serializer: TypeSerializer<T>) {
    this.#context = context;
    this.#id = id;
    this.#codec = new ValueCodec(serializer);
    this.#hashKeys = new HashKeys(context.serializer);
  }

  get size(): number {
    return this.#entries.size;
  }

  value(): Readonly<T> | undefined {
    return this.#entries.get(this.#hashKeys.of(this.#context.key))?.value;
  }

  update(value: T): void {
    const key = this.#context.key;
    // What cannot be stored is refused here, as on every backend, and not at the next checkpoint.
    this.#codec.encode(value);
    this.#entries.set(this.#hashKeys.of(key), { key, keyGroup: this.#context.keyGroup, value });
  }

  clear(): void {
    this.#entries.delete(this.#hashKeys.of(this.#context.key));
  }

  /** Keys that have a value, in no particular order. */
  *keys(): IterableIterator<K> {
    for (const [, entry] of this.#entries.entries()) yield entry.key;
  }

  freeze(): void {
    this.#frozen = this.#entries.freeze();
  }

  *frozenEntries(visit: EntryVisitor): Iterable<void> {
    const writer = new ByteWriter();
    for (const entry of this.#frozen?.values() ?? []) {
      writer.reset();
      writer.u16be(entry.keyGroup);
      writer.u16be(this.#id);
      this.#context.serializer.writeKey(entry.key, writer);
      visit(writer, this.#codec.encode(entry.value));
      yield;
    }
  }

  release(): void {
    this.#frozen = undefined;
    this.#entries.release();
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const decoded = this.#context.serializer.readKey(key);
    key.expectEnd();
    this.#entries.set(this.#hashKeys.of(decoded), { key: decoded, keyGroup, value: this.#codec.decode(value) });
  }
}

import type { ValueCodec } from "../bytes/value-codec.js";
import { hasKeyGroup, type KeyGroupRange } from "../key-groups.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import type { ValueState } from "../state-kinds.js";
import type { HashKey } from "./hash-key.js";
import type { HeapKeys, HeapOwner } from "./heap-keys.js";
import type { EntryVisitor, HeapState, IsExpired } from "./heap-state.js";
import { SnapshotMap } from "./snapshot-map.js";
import type { ReadonlyEntryMap } from "./spread-map.js";

interface Entry<K, N, T> extends HeapOwner<K, N> {
  readonly value: T;
}

/** Value state as objects on the heap. */
export class HeapValueState<K, N, T> implements ValueState<T>, HeapState<K, N> {
  readonly #keys: HeapKeys<K, N>;
  readonly #codec: ValueCodec<T>;
  readonly #entries = new SnapshotMap<HashKey, Entry<K, N, T>>();
  #frozen: ReadonlyEntryMap<HashKey, Entry<K, N, T>> | undefined;

  constructor(keys: HeapKeys<K, N>, codec: ValueCodec<T>) {
    this.#keys = keys;
    this.#codec = codec;
  }

  get size(): number {
    return this.#entries.size;
  }

  value(): Readonly<T> | undefined {
    return this.#entries.get(this.#keys.hash())?.value;
  }

  update(value: T): void {
    // What cannot be stored is refused here, as on every backend, and not at the next checkpoint.
    const encoded = this.#codec.encode(value);
    const hash = this.#keys.hash();
    const owner = this.#keys.owner();
    this.#keys.changes?.put(this.#keys.entryOf(owner), encoded);
    this.#entries.set(hash, { ...owner, value });
  }

  clear(): void {
    this.#delete(this.#keys.hash());
  }

  *owners(): Iterable<HeapOwner<K, N>> {
    for (const [, entry] of this.#entries.entries()) yield entry;
  }

  sweep(isExpired: IsExpired, count: number): void {
    for (const [hash, entry] of this.#entries.walk(count)) if (isExpired(entry.value)) this.#delete(hash);
  }

  freeze(): void {
    this.#frozen = this.#entries.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void> {
    const key = new ByteWriter();
    for (const entry of this.#frozen?.values() ?? []) {
      if (keyGroups === undefined || hasKeyGroup(keyGroups, entry.keyGroup)) {
        this.#keys.write(entry, key);
        visit(key, this.#codec.encode(entry.value));
      }
      yield;
    }
  }

  release(): void {
    this.#frozen = undefined;
    this.#entries.release();
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const owner = this.#keys.read(keyGroup, key);
    key.expectEnd();
    this.#entries.set(this.#keys.hashOf(owner), { ...owner, value: this.#codec.decode(value) });
  }

  #delete(hash: HashKey): void {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return;
    this.#keys.changes?.delete(this.#keys.entryOf(entry));
    this.#entries.delete(hash);
  }
}

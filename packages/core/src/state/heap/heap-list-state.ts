import type { ListCodec } from "../bytes/value-codec.js";
import { hasKeyGroup, type KeyGroupRange } from "../key-groups.js";
import { type ByteReader, ByteWriter } from "../serializers/index.js";
import type { ListState } from "../state-kinds.js";
import type { HashKey } from "./hash-key.js";
import type { HeapKeys, HeapOwner } from "./heap-keys.js";
import type { EntryVisitor, HeapState, IsExpired } from "./heap-state.js";
import { SnapshotMap } from "./snapshot-map.js";
import type { ReadonlyEntryMap } from "./spread-map.js";

interface Entry<K, N, T> extends HeapOwner<K, N> {
  readonly elements: T[];
  /** Elements that belong to the list: a snapshot's list may share the array with a longer one. */
  readonly length: number;
}

/**
 * List state as arrays on the heap. A snapshot and the live list share an array as long as the live one only grows: each knows
 * its own length.
 */
export class HeapListState<K, N, T> implements ListState<T>, HeapState<K, N> {
  readonly #keys: HeapKeys<K, N>;
  readonly #codec: ListCodec<T>;
  readonly #beforeGone: (owner: HeapOwner<K, N>) => void;
  readonly #entries = new SnapshotMap<HashKey, Entry<K, N, T>>();
  #frozen: ReadonlyEntryMap<HashKey, Entry<K, N, T>> | undefined;

  /** `beforeGone` is called before a list goes; where it throws, nothing changes. */
  constructor(keys: HeapKeys<K, N>, codec: ListCodec<T>, beforeGone: (owner: HeapOwner<K, N>) => void = () => undefined) {
    this.#keys = keys;
    this.#beforeGone = beforeGone;
    this.#codec = codec;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(): readonly Readonly<T>[] {
    const entry = this.#entries.get(this.#keys.hash());
    return entry === undefined ? [] : entry.elements.slice(0, entry.length);
  }

  add(element: T): void {
    this.addAll([element]);
  }

  addAll(elements: Iterable<T>): void {
    const added = [...elements];
    // What cannot be stored is refused here, as on every backend, before anything changes.
    const encoded = this.#codec.encode(added);
    if (added.length === 0) return;
    const hash = this.#keys.hash();
    if (this.#keys.changes !== undefined) this.#keys.changes.append(this.#keys.entryOf(this.#keys.owner()), encoded);
    const before = this.#entries.get(hash);
    if (before === undefined) {
      this.#entries.set(hash, { ...this.#keys.owner(), elements: added, length: added.length });
      return;
    }
    // The array of a list that was cut back under a snapshot would hold elements behind its length; such a list gets a new one.
    const array = before.elements.length === before.length ? before.elements : before.elements.slice(0, before.length);
    for (const element of added) array.push(element);
    this.#entries.set(hash, { ...before, elements: array, length: array.length });
  }

  update(elements: Iterable<T>): void {
    const replaced = [...elements];
    const encoded = this.#codec.encode(replaced);
    const hash = this.#keys.hash();
    if (replaced.length === 0) this.#delete(hash);
    else this.#put(hash, { ...this.#keys.owner(), elements: replaced, length: replaced.length }, encoded);
  }

  clear(): void {
    this.#delete(this.#keys.hash());
  }

  *owners(): Iterable<HeapOwner<K, N>> {
    for (const [, entry] of this.#entries.entries()) yield entry;
  }

  sweep(isExpired: IsExpired, count: number): void {
    for (const [hash, entry] of this.#entries.walk(count)) {
      const alive = entry.elements.slice(0, entry.length).filter((element) => !isExpired(element));
      if (alive.length === entry.length) continue;
      if (alive.length === 0) this.#delete(hash);
      else this.#put(hash, { ...entry, elements: alive, length: alive.length }, this.#keys.changes && this.#codec.encode(alive));
    }
  }

  freeze(): void {
    this.#frozen = this.#entries.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void> {
    const key = new ByteWriter();
    for (const entry of this.#frozen?.values() ?? []) {
      if (keyGroups === undefined || hasKeyGroup(keyGroups, entry.keyGroup)) {
        this.#keys.write(entry, key);
        visit(key, this.#codec.encode(entry.elements.slice(0, entry.length)));
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
    const elements = this.#codec.decode(value);
    this.#entries.set(this.#keys.hashOf(owner), { ...owner, elements, length: elements.length });
  }

  #put(hash: HashKey, entry: Entry<K, N, T>, encoded: ByteWriter | undefined): void {
    if (encoded !== undefined) this.#keys.changes?.put(this.#keys.entryOf(entry), encoded);
    this.#entries.set(hash, entry);
  }

  #delete(hash: HashKey): void {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return;
    this.#beforeGone(entry);
    this.#keys.changes?.delete(this.#keys.entryOf(entry));
    this.#entries.delete(hash);
  }
}

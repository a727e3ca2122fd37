import type { ValueCodec } from "../bytes/value-codec.js";
import { hasKeyGroup, type KeyGroupRange } from "../key-groups.js";
import { type ByteReader, ByteWriter, type KeySerializer } from "../serializers/index.js";
import type { MapState } from "../state-kinds.js";
import { type HashKey, HashKeys } from "./hash-key.js";
import type { HeapKeys, HeapOwner } from "./heap-keys.js";
import { HeapMap } from "./heap-map.js";
import type { EntryVisitor, HeapState, IsExpired } from "./heap-state.js";
import { SnapshotMap } from "./snapshot-map.js";
import type { ReadonlyEntryMap } from "./spread-map.js";

interface Entry<K, N, UK, UV> extends HeapOwner<K, N> {
  readonly map: HeapMap<UK, UV>;
}

/**
 * Map state as nested maps on the heap. A freeze is constant time: it raises the epoch, and an inner map joins it at its
 * first change afterwards.
 */
export class HeapMapState<K, N, UK, UV> implements MapState<UK, UV>, HeapState<K, N> {
  readonly #ownerKeys: HeapKeys<K, N>;
  readonly #keySerializer: KeySerializer<UK>;
  readonly #codec: ValueCodec<UV>;
  readonly #mapKeys: HashKeys<UK>;
  readonly #beforeGone: (owner: HeapOwner<K, N>) => void;
  readonly #maps = new SnapshotMap<HashKey, Entry<K, N, UK, UV>>();
  #frozen: ReadonlyEntryMap<HashKey, Entry<K, N, UK, UV>> | undefined;
  #epoch = 0;
  /** Inner maps that joined the current freeze. */
  #joined: HeapMap<UK, UV>[] = [];
  #size = 0;

  /** `beforeGone` is called before a map goes with its last entry; where it throws, nothing changes. */
  constructor(
    ownerKeys: HeapKeys<K, N>,
    keys: KeySerializer<UK>,
    codec: ValueCodec<UV>,
    beforeGone: (owner: HeapOwner<K, N>) => void = () => undefined,
  ) {
    this.#ownerKeys = ownerKeys;
    this.#beforeGone = beforeGone;
    this.#keySerializer = keys;
    this.#codec = codec;
    this.#mapKeys = new HashKeys(keys);
  }

  get size(): number {
    return this.#size;
  }

  get(key: UK): Readonly<UV> | undefined {
    return this.#current()?.entries.get(this.#mapKeys.of(key))?.value;
  }

  put(key: UK, value: UV): void {
    const hash = this.#mapKeys.of(key);
    // What cannot be stored is refused here, as on every backend, and not at the next checkpoint.
    const encoded = this.#codec.encode(value);
    const ownerHash = this.#ownerKeys.hash();
    if (this.#ownerKeys.changes !== undefined) this.#ownerKeys.changes.put(this.#entryOf(this.#ownerKeys.owner(), key), encoded);
    this.#putDecoded(ownerHash, () => this.#ownerKeys.owner(), hash, key, value);
  }

  putAll(entries: Iterable<readonly [UK, UV]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  contains(key: UK): boolean {
    const hash = this.#mapKeys.of(key);
    return this.#current()?.entries.get(hash) !== undefined;
  }

  remove(key: UK): void {
    const hash = this.#mapKeys.of(key);
    const map = this.#current();
    if (map === undefined || map.entries.get(hash) === undefined) return;
    if (map.entries.size === 1) this.#beforeGone(this.#ownerKeys.owner());
    if (this.#ownerKeys.changes !== undefined) this.#ownerKeys.changes.delete(this.#entryOf(this.#ownerKeys.owner(), key));
    this.#join(map);
    map.remove(hash);
    this.#size -= 1;
    if (map.entries.size === 0) this.#maps.delete(this.#ownerKeys.hash());
  }

  isEmpty(): boolean {
    return this.#current() === undefined;
  }

  *entries(): IterableIterator<readonly [UK, Readonly<UV>]> {
    const map = this.#current();
    if (map === undefined) return;
    for (const hash of map.sortedKeys(this.#keySerializer)) {
      const entry = map.entries.get(hash);
      if (entry !== undefined) yield [entry.key, entry.value];
    }
  }

  *keys(): IterableIterator<UK> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<Readonly<UV>> {
    for (const [, value] of this.entries()) yield value;
  }

  clear(): void {
    const map = this.#current();
    if (map === undefined) return;
    this.#beforeGone(this.#ownerKeys.owner());
    this.#ownerKeys.changes?.deleteAll(this.#entriesOf(this.#ownerKeys.owner(), map));
    this.#size -= map.entries.size;
    this.#maps.delete(this.#ownerKeys.hash());
  }

  *owners(): Iterable<HeapOwner<K, N>> {
    for (const [, entry] of this.#maps.entries()) yield entry;
  }

  sweep(isExpired: IsExpired, count: number): void {
    for (const [ownerHash, owner] of this.#maps.walk(1)) {
      const { map } = owner;
      for (const [hash, entry] of map.entries.walk(count)) {
        if (!isExpired(entry.value)) continue;
        if (map.entries.size === 1) this.#beforeGone(owner);
        this.#ownerKeys.changes?.delete(this.#entryOf(owner, entry.key));
        this.#join(map);
        map.remove(hash);
        this.#size -= 1;
      }
      if (map.entries.size === 0) this.#maps.delete(ownerHash);
    }
  }

  freeze(): void {
    this.#epoch += 1;
    this.#frozen = this.#maps.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void> {
    const writer = new ByteWriter();
    for (const entry of this.#frozen?.values() ?? []) {
      const { map } = entry;
      if (keyGroups !== undefined && !hasKeyGroup(keyGroups, entry.keyGroup)) {
        yield;
        continue;
      }
      this.#ownerKeys.write(entry, writer);
      const prefixBytes = writer.length;
      this.#join(map);
      for (const { key, value } of map.entries.freeze().values()) {
        writer.length = prefixBytes;
        this.#keySerializer.writeKey(key, writer);
        visit(writer, this.#codec.encode(value));
        yield;
      }
    }
  }

  release(): void {
    this.#frozen = undefined;
    this.#maps.release();
    for (const map of this.#joined) map.entries.release();
    this.#joined = [];
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const owner = this.#ownerKeys.read(keyGroup, key);
    const mapKey = this.#keySerializer.readKey(key);
    key.expectEnd();
    this.#putDecoded(this.#ownerKeys.hashOf(owner), () => owner, this.#mapKeys.of(mapKey), mapKey, this.#codec.decode(value));
  }

  #putDecoded(ownerHash: HashKey, owner: () => HeapOwner<K, N>, hash: HashKey, mapKey: UK, value: UV): void {
    let map = this.#maps.get(ownerHash)?.map;
    if (map === undefined) {
      map = new HeapMap<UK, UV>();
      // A map born after the freeze is not part of it.
      map.frozenEpoch = this.#epoch;
      this.#maps.set(ownerHash, { ...owner(), map });
    }
    this.#join(map);
    const before = map.entries.size;
    map.put(hash, mapKey, value);
    this.#size += map.entries.size - before;
  }

  /** The stored key of an entry, in a writer that holds until the next call. */
  #entryOf(owner: HeapOwner<K, N>, key: UK): ByteWriter {
    const entry = this.#ownerKeys.entryOf(owner);
    this.#keySerializer.writeKey(key, entry);
    return entry;
  }

  *#entriesOf(owner: HeapOwner<K, N>, map: HeapMap<UK, UV>): Iterable<ByteWriter> {
    for (const [, { key }] of map.entries.entries()) yield this.#entryOf(owner, key);
  }

  #current(): HeapMap<UK, UV> | undefined {
    return this.#maps.get(this.#ownerKeys.hash())?.map;
  }

  /** Makes an inner map part of the freeze under way, if there is one it has not joined. */
  #join(map: HeapMap<UK, UV>): void {
    if (this.#frozen === undefined || map.frozenEpoch === this.#epoch) return;
    map.frozenEpoch = this.#epoch;
    map.entries.freeze();
    this.#joined.push(map);
  }
}

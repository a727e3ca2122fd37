import { ValueCodec } from "../bytes/value-codec.js";
import type { KeyContext } from "../key-context.js";
import { type ByteReader, ByteWriter, type KeySerializer, type TypeSerializer } from "../serializers/index.js";
import type { MapState } from "../state-kinds.js";
import { type HashKey, HashKeys } from "./hash-key.js";
import { HeapMap } from "./heap-map.js";
import type { EntryVisitor, HeapState } from "./heap-state.js";
import { SnapshotMap } from "./snapshot-map.js";

interface KeyEntry<K, UK, UV> {
  readonly key: K;
  readonly keyGroup: number;
  readonly map: HeapMap<UK, UV>;
}

/**
 * Map state as nested maps on the heap. A freeze is constant time: it raises the epoch, and an inner map joins it at its
 * first change afterwards.
 */
export class HeapMapState<K, UK, UV> implements MapState<UK, UV>, HeapState {
  readonly #context: KeyContext<K>;
  readonly #id: number;
  readonly #keySerializer: KeySerializer<UK>;
  readonly #codec: ValueCodec<UV>;
  readonly #hashKeys: HashKeys<K>;
  readonly #mapKeys: HashKeys<UK>;
  readonly #keys = new SnapshotMap<HashKey, KeyEntry<K, UK, UV>>();
  #frozen: ReadonlyMap<HashKey, KeyEntry<K, UK, UV>> | undefined;
  #epoch = 0;
  /** Inner maps that joined the current freeze. */
  #joined: HeapMap<UK, UV>[] = [];
  #size = 0;

  constructor(context: KeyContext<K>, id: number, keys: KeySerializer<UK>, values: TypeSerializer<UV>) {
    this.#context = context;
    this.#id = id;
    this.#keySerializer = keys;
    this.#codec = new ValueCodec(values);
    this.#hashKeys = new HashKeys(context.serializer);
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
    this.#codec.encode(value);
    this.#putDecoded(this.#context.key, this.#context.keyGroup, hash, key, value);
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
    this.#join(map);
    map.remove(hash);
    this.#size -= 1;
    if (map.entries.size === 0) this.#keys.delete(this.#hashKeys.of(this.#context.key));
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
    this.#size -= map.entries.size;
    this.#keys.delete(this.#hashKeys.of(this.#context.key));
  }

  /** Keys that have at least one entry, in no particular order. */
  *stateKeys(): IterableIterator<K> {
    for (const [, entry] of this.#keys.entries()) yield entry.key;
  }

  freeze(): void {
    this.#epoch += 1;
    this.#frozen = this.#keys.freeze();
  }

  *frozenEntries(visit: EntryVisitor): Iterable<void> {
    const writer = new ByteWriter();
    for (const { key, keyGroup, map } of this.#frozen?.values() ?? []) {
      writer.reset();
      writer.u16be(keyGroup);
      writer.u16be(this.#id);
      this.#context.serializer.writeKey(key, writer);
      const prefixBytes = writer.length;
      this.#join(map);
      for (const entry of map.entries.freeze().values()) {
        writer.length = prefixBytes;
        this.#keySerializer.writeKey(entry.key, writer);
        visit(writer, this.#codec.encode(entry.value));
        yield;
      }
    }
  }

  release(): void {
    this.#frozen = undefined;
    this.#keys.release();
    for (const map of this.#joined) map.entries.release();
    this.#joined = [];
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const decoded = this.#context.serializer.readKey(key);
    const mapKey = this.#keySerializer.readKey(key);
    key.expectEnd();
    this.#putDecoded(decoded, keyGroup, this.#mapKeys.of(mapKey), mapKey, this.#codec.decode(value));
  }

  #putDecoded(key: K, keyGroup: number, hash: HashKey, mapKey: UK, value: UV): void {
    const keyHash = this.#hashKeys.of(key);
    let map = this.#keys.get(keyHash)?.map;
    if (map === undefined) {
      map = new HeapMap<UK, UV>();
      // A map born after the freeze is not part of it.
      map.frozenEpoch = this.#epoch;
      this.#keys.set(keyHash, { key, keyGroup, map });
    }
    this.#join(map);
    const before = map.entries.size;
    map.put(hash, mapKey, value);
    this.#size += map.entries.size - before;
  }

  #current(): HeapMap<UK, UV> | undefined {
    return this.#keys.get(this.#hashKeys.of(this.#context.key))?.map;
  }

  /** Makes an inner map part of the freeze under way, if there is one it has not joined. */
  #join(map: HeapMap<UK, UV>): void {
    if (this.#frozen === undefined || map.frozenEpoch === this.#epoch) return;
    map.frozenEpoch = this.#epoch;
    map.entries.freeze();
    this.#joined.push(map);
  }
}

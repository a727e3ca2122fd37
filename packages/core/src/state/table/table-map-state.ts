// One file past 400 lines: all operations on packed maps share a cursor, a scratch and the count of entries.
import type { EntryKeys } from "../bytes/entry-keys.js";
import { ValueCodec } from "../bytes/value-codec.js";
import { HeapKeys, type HeapOwner } from "../heap/heap-keys.js";
import { HeapMapState } from "../heap/heap-map-state.js";
import type { EntryVisitor, HeapState, IsExpired } from "../heap/heap-state.js";
import type { KeyGroupRange } from "../key-groups.js";
import { type ByteSource, copyRange } from "../serializers/byte-source.js";
import { ByteReader, ByteWriter, type KeySerializer, type TypeSerializer } from "../serializers/index.js";
import type { MapState } from "../state-kinds.js";
import { KeyedTable } from "./keyed-table.js";
import { MapBatch } from "./map-batch.js";
import { packedMap, type PackedMap } from "./packed-map.js";
import { EntryIterator, KeyIterator, MapWalk, ValueIterator, type WalkedState } from "./packed-map-iterator.js";
import { movedMark, type TableCollectionOptions } from "./table-collection.js";

/** A map that takes more bytes moves to the heap, where a change costs the same however large the map is. */
const packedMaxBytes = 4 * 1024;

/** What came of putting an entry. `moved`: nothing was put, the map is on the heap. `inPlace`: the table still stands at the map. */
const moved = 0;
const inPlace = 1;
const rewritten = 2;
type PutOutcome = typeof moved | typeof inPlace | typeof rewritten;

/** Where a map entry is. `isPacked`: the table stands at the map, and the cursor at the entry. */
const isAbsent = 0;
const isPacked = 1;
const onHeap = 2;
type EntryPlace = typeof isAbsent | typeof isPacked | typeof onHeap;

/**
 * Map state with small maps packed into a table, all entries of a key and namespace in one value, and large ones on the heap. For
 * values of compiled serializers.
 */
export class TableMapState<K, N, UK, UV> implements MapState<UK, UV>, HeapState<K, N>, WalkedState<UK, UV> {
  readonly #keys: EntryKeys<K, N>;
  readonly #table: KeyedTable<K, N>;
  readonly #mapKeys: KeySerializer<UK>;
  readonly #codec: ValueCodec<UV>;
  readonly #packed: PackedMap;
  readonly #scratch = new ByteWriter();
  readonly #batch: MapBatch<UK, UV>;
  /** Of iterations that ended, for the next ones. */
  readonly #walks: MapWalk<UK, UV>[] = [];
  readonly #heapKeys: HeapKeys<K, N>;
  readonly #large: HeapMapState<K, N, UK, UV>;
  #namespace: N | undefined;
  /** Entries of packed maps. */
  #packedCount = 0;

  /** Throws INVALID_ARGUMENT for a `maxBytes` that is not a positive number. */
  constructor(keys: EntryKeys<K, N>, mapKeys: KeySerializer<UK>, values: TypeSerializer<UV>, options: TableCollectionOptions = {}) {
    this.#keys = keys;
    this.#table = new KeyedTable(keys, options);
    this.#mapKeys = mapKeys;
    this.#codec = new ValueCodec(values, options.schemas);
    this.#packed = this.#newCursor();
    this.#batch = new MapBatch(mapKeys, this.#codec);
    this.#heapKeys = new HeapKeys(keys.context, keys.stateId, keys.namespaces, options.heapChanges);
    this.#large = new HeapMapState(this.#heapKeys, mapKeys, this.#codec, (owner) => {
      this.#table.atOwner(owner);
      this.#table.remove();
    });
  }

  setNamespace(namespace: N): void {
    this.#keys.setNamespace(namespace);
    this.#namespace = namespace;
  }

  get size(): number {
    return this.#packedCount + this.#large.size;
  }

  get(key: UK): Readonly<UV> | undefined {
    const found = this.#find(key);
    if (found === onHeap) return this.#largeNow().get(key);
    return found === isPacked ? this.#decode(this.#table.value) : undefined;
  }

  contains(key: UK): boolean {
    const found = this.#find(key);
    return found === onHeap ? this.#largeNow().contains(key) : found === isPacked;
  }

  /** Throws KEY_TYPE, KEY_TOO_LARGE, VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE, NO_MEMORY; the map is the one before then. */
  put(key: UK, value: UV): void {
    const encoded = this.#codec.encode(value);
    const writer = this.#table.atCurrent();
    const keyStart = writer.length;
    this.#mapKeys.writeKey(key, writer);
    if (this.#put(writer, keyStart, writer.length, encoded, 0, encoded.length, false) === moved) this.#putLarge(key, value);
  }

  /** Throws as put() does, at times with entries put that came before. */
  putAll(entries: Iterable<readonly [UK, UV]>): void {
    // Taken out first: what gives the entries may use the state that they are for.
    const keys: UK[] = [];
    const values: UV[] = [];
    for (const [key, value] of entries) {
      keys.push(key);
      values.push(value);
    }
    const batch = this.#batch;
    batch.clear();
    const lastIndex = keys.length - 1;
    for (let i = 0; i <= lastIndex; i += 1) {
      this.#addToBatch(keys[i] as UK, values[i] as UV);
      if (batch.isFull || i === lastIndex) this.#putBatch(keys, values, i + 1 - batch.count);
    }
  }

  remove(key: UK): void {
    const found = this.#find(key);
    if (found === onHeap) return this.#largeNow().remove(key);
    if (found === isAbsent) return;
    const table = this.#table;
    const map = table.value;
    const packed = this.#packed;
    const offset = packed.at - map.position;
    const entryBytes = packed.valueEnd - packed.at;
    if (entryBytes === map.remaining) {
      table.remove();
    } else {
      table.editFound();
      if (!this.#splice(map.position + offset, entryBytes, 0)) table.put(this.#scratch, 0, this.#scratch.length);
    }
    this.#packedCount -= 1;
  }

  isEmpty(): boolean {
    this.#table.atCurrent();
    return !this.#table.has();
  }

  entries(): IterableIterator<readonly [UK, Readonly<UV>]> {
    return new EntryIterator(this);
  }

  keys(): IterableIterator<UK> {
    return new KeyIterator(this);
  }

  values(): IterableIterator<Readonly<UV>> {
    return new ValueIterator(this);
  }

  clear(): void {
    this.#table.atCurrent();
    if (!this.#table.find()) return;
    const map = this.#table.value;
    if (map.remaining === 0) return this.#largeNow().clear();
    const count = this.#packed.count(map, map.position, map.end);
    this.#table.remove();
    this.#packedCount -= count;
  }

  startWalk(): MapWalk<UK, UV> | Iterator<readonly [UK, UV]> | undefined {
    this.#table.atCurrent();
    if (!this.#table.find()) return undefined;
    const map = this.#table.value;
    if (map.remaining === 0) return this.#largeNow().entries();
    const walk = this.#walks.pop() ?? new MapWalk(this.#newCursor(), this.#mapKeys, this.#codec);
    walk.copy.reset();
    walk.copy.rawWords(map, map.position, map.end);
    walk.start();
    return walk;
  }

  endWalk(walk: MapWalk<UK, UV>): void {
    this.#walks.push(walk);
  }

  /** Keys that have an entry. */
  stateKeys(): Generator<K, void, undefined> {
    return this.#table.keys();
  }

  namespaces(): N[] {
    return this.#table.namespaces();
  }

  owners(): Generator<HeapOwner<K, N>, void, undefined> {
    return this.#table.owners();
  }

  /** Looks at one packed map, or about one for each call, and at `count` entries of one on the heap. */
  sweep(isExpired: IsExpired, count: number): void {
    this.#table.sweep(1, (map) => this.#hasExpired(map, isExpired), () => this.#removeExpired(isExpired));
    this.#large.sweep(isExpired, count);
  }

  freeze(): void {
    this.#table.freeze();
    this.#large.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Generator<void, void, undefined> {
    const packed = this.#newCursor();
    const value = new ByteWriter();
    yield* this.#table.frozen((key, map) => {
      const ownerBytes = key.length;
      for (let at = map.position; at < map.end; at = packed.valueEnd) {
        packed.read(map, at);
        key.length = ownerBytes;
        key.rawWords(map, packed.keyStart, packed.keyEnd);
        value.reset();
        value.rawWords(map, packed.valueStart, packed.valueEnd);
        visit(key, value);
      }
    }, keyGroups);
    yield* this.#large.frozenEntries(visit, keyGroups);
  }

  release(): void {
    this.#table.release();
    this.#large.release();
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const start = key.position;
    const valueStart = value.position;
    this.#table.atStored(keyGroup, key);
    const keyStart = key.position;
    this.#mapKeys.readKey(key);
    key.expectEnd();
    const encoded = this.#codec.encode(this.#codec.decode(value));
    if (this.#put(key, keyStart, key.end, encoded, 0, encoded.length, false) !== moved) return;
    key.position = start;
    value.position = valueStart;
    this.#large.restoreEntry(keyGroup, key, value);
  }

  /** Looks for an entry of the current map. Where the map is on the heap it was not looked for. */
  #find(key: UK): EntryPlace {
    const table = this.#table;
    const writer = table.atCurrent();
    const keyStart = writer.length;
    this.#mapKeys.writeKey(key, writer);
    if (!table.find()) return isAbsent;
    const map = table.value;
    if (map.remaining === 0) return onHeap;
    return this.#packed.find(map, map.position, map.end, writer, keyStart, writer.length) ? isPacked : isAbsent;
  }

  /** Puts an encoded entry into the map that the table is at. `isEdited`: its edit() has found the map already. */
  #put(
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number, isEdited: boolean,
  ): PutOutcome {
    const table = this.#table;
    const packed = this.#packed;
    const entryBytes = packed.entryBytes(keyEnd - keyStart, valueEnd - valueStart);
    if (!isEdited && !table.edit()) {
      if (entryBytes > packedMaxBytes) {
        table.put(movedMark, 0, 0);
        return moved;
      }
      this.#scratch.reset();
      this.#scratch.ensure(entryBytes);
      packed.write(this.#scratch, 0, key, keyStart, keyEnd, value, valueStart, valueEnd);
      table.put(this.#scratch, 0, entryBytes);
      this.#packedCount += 1;
      return rewritten;
    }
    const map = table.value;
    if (map.remaining === 0) return moved;
    const isKnown = packed.find(map, map.position, map.end, key, keyStart, keyEnd);
    const at = isKnown ? packed.at : packed.placeOf(map, map.position, map.end, key, keyStart, keyEnd);
    const oldBytes = isKnown ? packed.valueEnd - at : 0;
    const added = isKnown ? 0 : 1;
    if (map.remaining + entryBytes - oldBytes > packedMaxBytes) {
      this.#moveToHeap();
      return moved;
    }
    if (oldBytes === entryBytes) {
      copyRange(value, valueStart, valueEnd, map.bytes, map.view, packed.valueStart);
      return inPlace;
    }
    if (!this.#splice(at, oldBytes, entryBytes)) {
      packed.write(this.#scratch, at - map.position, key, keyStart, keyEnd, value, valueStart, valueEnd);
      table.put(this.#scratch, 0, this.#scratch.length);
      this.#packedCount += added;
      return rewritten;
    }
    packed.write(map, at, key, keyStart, keyEnd, value, valueStart, valueEnd);
    this.#packedCount += added;
    return inPlace;
  }

  #addToBatch(key: UK, value: UV): void {
    const batch = this.#batch;
    if (batch.isOfFixed) return batch.addFixed(key, value);
    // By way of writers that refuse what is too large.
    const encoded = this.#codec.encode(value);
    const writer = this.#table.atCurrent();
    const keyStart = writer.length;
    this.#mapKeys.writeKey(key, writer);
    batch.add(writer, keyStart, writer.length, encoded);
  }

  /** Puts the batch, which are the entries from `first` on. */
  #putBatch(keys: readonly UK[], values: readonly UV[], first: number): void {
    const batch = this.#batch;
    const { bytes } = batch;
    let outcome: PutOutcome = rewritten;
    // Refuses a map key that is too large behind the current key, before anything is put.
    this.#table.atCurrent().ensure(this.#mapKeys.fixedKeyBytes ?? 0);
    for (let i = 0; i < batch.count; i += 1) {
      if (outcome !== moved) {
        const keyEnd = batch.keyEnd(i);
        outcome = this.#put(bytes, batch.keyStart(i), keyEnd, bytes, keyEnd, batch.valueEnd(i), outcome === inPlace);
      }
      if (outcome === moved) this.#putLarge(keys[first + i] as UK, values[first + i] as UV);
    }
    batch.clear();
  }

  /** Replaces some bytes of the map being edited by a gap of another size: there, or, when false, in the scratch, to be put. */
  #splice(at: number, oldBytes: number, gapBytes: number): boolean {
    const map = this.#table.value;
    const { bytes, position, end } = map;
    if (this.#table.resize(end - position - oldBytes + gapBytes)) {
      bytes.copyWithin(at + gapBytes, at + oldBytes, end);
      return true;
    }
    const scratch = this.#scratch;
    scratch.reset();
    scratch.raw(bytes, position, at);
    scratch.ensure(gapBytes);
    scratch.length += gapBytes;
    scratch.raw(bytes, at + oldBytes, end);
    return false;
  }

  /** Moves the map that the table stands at. */
  #moveToHeap(): void {
    const table = this.#table;
    const packed = this.#packed;
    const { keyGroup, value: map } = table;
    const key = new ByteWriter();
    key.raw(table.identity());
    const ownerBytes = key.length;
    const copy = map.copy(map.remaining);
    const source = { bytes: copy, view: new DataView(copy.buffer) };
    table.put(movedMark, 0, 0);
    for (let at = 0; at < copy.length; at = packed.valueEnd) {
      packed.read(source, at);
      key.length = ownerBytes;
      key.raw(copy, packed.keyStart, packed.keyEnd);
      const value = new ByteReader(copy, packed.valueStart, packed.valueEnd);
      this.#large.restoreEntry(keyGroup, new ByteReader(key.bytes, 0, key.length), value);
      this.#packedCount -= 1;
    }
  }

  /** Puts an entry into the current map, which is marked as one on the heap. */
  #putLarge(key: UK, value: UV): void {
    const large = this.#largeNow();
    try {
      large.put(key, value);
    } catch (error) {
      // The entry would have been the first one.
      this.#table.atCurrent();
      if (large.isEmpty()) this.#table.remove();
      throw error;
    }
  }

  #largeNow(): HeapMapState<K, N, UK, UV> {
    if (this.#namespace !== undefined) this.#heapKeys.setNamespace(this.#namespace);
    return this.#large;
  }

  /** The value of the entry that the cursor is at. */
  #decode(map: ByteReader): UV {
    map.position = this.#packed.valueStart;
    map.end = this.#packed.valueEnd;
    return this.#codec.decode(map);
  }

  #hasExpired(map: ByteReader, isExpired: IsExpired): boolean {
    const { end } = map;
    for (let at = map.position; at < end; at = this.#packed.valueEnd) {
      this.#packed.read(map, at);
      if (isExpired(this.#decode(map))) return true;
    }
    return false;
  }

  /** Takes the expired entries out of the map that the table is at. */
  #removeExpired(isExpired: IsExpired): void {
    const table = this.#table;
    const packed = this.#packed;
    const alive = this.#scratch;
    if (!table.find()) return;
    const map = table.value;
    const { end } = map;
    let removed = 0;
    alive.reset();
    for (let at = map.position; at < end; at = packed.valueEnd) {
      packed.read(map, at);
      if (isExpired(this.#decode(map))) removed += 1;
      else alive.raw(map.bytes, packed.at, packed.valueEnd);
    }
    if (alive.length === 0) table.remove();
    else table.put(alive, 0, alive.length);
    this.#packedCount -= removed;
  }

  #newCursor(): PackedMap {
    return packedMap(this.#mapKeys.fixedKeyBytes, this.#codec.fixedSizeBytes);
  }
}

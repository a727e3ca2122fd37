import type { EntryKeys } from "../bytes/entry-keys.js";
import { ListCodec, ValueCodec } from "../bytes/value-codec.js";
import { HeapKeys, type HeapOwner } from "../heap/heap-keys.js";
import { HeapListState } from "../heap/heap-list-state.js";
import type { EntryVisitor, HeapState, IsExpired } from "../heap/heap-state.js";
import type { KeyGroupRange } from "../key-groups.js";
import { copyRange } from "../serializers/byte-source.js";
import { ByteReader, ByteWriter, type TypeSerializer } from "../serializers/index.js";
import type { ListState } from "../state-kinds.js";
import { KeyedTable } from "./keyed-table.js";
import { movedMark, type TableCollectionOptions } from "./table-collection.js";

/** A list that takes more bytes moves to the heap, where adding never copies it, not even after a freeze. */
const listMaxBytes = 4 * 1024;

/**
 * List state as bytes in a table, elements one behind the other as they are stored, and large lists on the heap. For elements of
 * compiled serializers.
 */
export class TableListState<K, N, T> implements ListState<T>, HeapState<K, N> {
  readonly #keys: EntryKeys<K, N>;
  readonly #table: KeyedTable<K, N>;
  readonly #codec: ListCodec<T>;
  readonly #scratch = new ByteWriter();
  readonly #heapKeys: HeapKeys<K, N>;
  readonly #large: HeapListState<K, N, T>;
  #namespace: N | undefined;

  /** Throws INVALID_ARGUMENT for a `maxBytes` that is not a positive number. */
  constructor(keys: EntryKeys<K, N>, elements: TypeSerializer<T>, options: TableCollectionOptions = {}) {
    this.#keys = keys;
    this.#table = new KeyedTable(keys, options);
    this.#codec = new ListCodec(new ValueCodec(elements, options.schemas));
    this.#heapKeys = new HeapKeys(keys.context, keys.stateId, keys.namespaces, options.heapChanges);
    this.#large = new HeapListState(this.#heapKeys, this.#codec, (owner) => {
      this.#table.atOwner(owner);
      this.#table.remove();
    });
  }

  setNamespace(namespace: N): void {
    this.#keys.setNamespace(namespace);
    this.#namespace = namespace;
  }

  get size(): number {
    return this.#table.size;
  }

  get(): readonly Readonly<T>[] {
    const table = this.#table;
    table.atCurrent();
    if (!table.find()) return [];
    return table.value.remaining === 0 ? this.#largeNow().get() : this.#codec.decode(table.value);
  }

  /** Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE, NO_MEMORY; the list is the one before then. */
  add(element: T): void {
    if (!this.#append(this.#codec.encodeOne(element))) this.#addLarge([element]);
  }

  /** Throws as add() does. */
  addAll(elements: Iterable<T>): void {
    // Taken out first: what gives the elements may use the state that they are for.
    const added = Array.isArray(elements) ? (elements as readonly T[]) : [...elements];
    const encoded = this.#codec.encode(added);
    if (encoded.length > 0 && !this.#append(encoded)) this.#addLarge(added);
  }

  /** Throws as add() does. */
  update(elements: Iterable<T>): void {
    const wanted = Array.isArray(elements) ? (elements as readonly T[]) : [...elements];
    const encoded = this.#codec.encode(wanted);
    if (encoded.length === 0) return this.clear();
    const table = this.#table;
    table.atCurrent();
    const isThere = table.edit();
    const list = table.value;
    if (isThere && list.remaining === 0) return this.#largeNow().update(wanted);
    if (encoded.length > listMaxBytes) {
      if (!isThere) {
        table.put(movedMark, 0, 0);
        return this.#addLarge(wanted);
      }
      this.#moveToHeap();
      return this.#largeNow().update(wanted);
    }
    if (isThere && table.resize(encoded.length)) copyRange(encoded, 0, encoded.length, list.bytes, list.view, list.position);
    else table.put(encoded, 0, encoded.length);
  }

  clear(): void {
    this.#table.atCurrent();
    if (!this.#table.find()) return;
    if (this.#table.value.remaining === 0) this.#largeNow().clear();
    else this.#table.remove();
  }

  /** Keys that have a list. */
  stateKeys(): Generator<K, void, undefined> {
    return this.#table.keys();
  }

  namespaces(): N[] {
    return this.#table.namespaces();
  }

  owners(): Generator<HeapOwner<K, N>, void, undefined> {
    return this.#table.owners();
  }

  sweep(isExpired: IsExpired, count: number): void {
    const hasExpired = (list: ByteReader): boolean => this.#codec.some(list, isExpired);
    this.#table.sweep(count, hasExpired, () => {
      if (!this.#table.find()) return;
      const alive = this.#codec.encode(this.#codec.decode(this.#table.value).filter((element) => !isExpired(element)));
      if (alive.length === 0) this.#table.remove();
      else this.#table.put(alive, 0, alive.length);
    });
    this.#large.sweep(isExpired, 1);
  }

  freeze(): void {
    this.#table.freeze();
    this.#large.freeze();
  }

  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Generator<void, void, undefined> {
    const stored = new ByteWriter();
    yield* this.#table.frozen((key, list) => {
      if (list.remaining === 0) return;
      stored.reset();
      stored.rawWords(list, list.position, list.end);
      visit(key, stored);
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
    key.expectEnd();
    const encoded = this.#codec.encode(this.#codec.decode(value));
    if (encoded.length <= listMaxBytes) {
      if (encoded.length > 0) this.#table.put(encoded, 0, encoded.length);
      return;
    }
    this.#table.put(movedMark, 0, 0);
    key.position = start;
    value.position = valueStart;
    this.#large.restoreEntry(keyGroup, key, value);
  }

  /** Puts encoded elements behind the current list. False where the list is on the heap, or now is: nothing was added then. */
  #append(encoded: ByteWriter): boolean {
    const table = this.#table;
    table.atCurrent();
    const isThere = table.edit();
    const list = table.value;
    if (isThere && list.remaining === 0) return false;
    const oldBytes = isThere ? list.remaining : 0;
    const sizeBytes = oldBytes + encoded.length;
    if (sizeBytes > listMaxBytes) {
      if (isThere) this.#moveToHeap();
      else table.put(movedMark, 0, 0);
      return false;
    }
    if (!isThere) {
      table.put(encoded, 0, encoded.length);
    } else if (table.resize(sizeBytes)) {
      copyRange(encoded, 0, encoded.length, list.bytes, list.view, list.position + oldBytes);
    } else if (!table.extend(encoded, 0, encoded.length)) {
      const scratch = this.#scratch;
      scratch.reset();
      scratch.rawWords(list, list.position, list.end);
      scratch.rawWords(encoded, 0, encoded.length);
      table.put(scratch, 0, scratch.length);
    }
    return true;
  }

  /** Moves the list that the table stands at. */
  #moveToHeap(): void {
    const table = this.#table;
    const { keyGroup, value: list } = table;
    const key = new ByteReader(table.identity().slice());
    const copy = new ByteReader(list.copy(list.remaining));
    table.put(movedMark, 0, 0);
    this.#large.restoreEntry(keyGroup, key, copy);
  }

  /** Adds to the current list, which is marked as one on the heap. */
  #addLarge(elements: Iterable<T>): void {
    const large = this.#largeNow();
    try {
      large.addAll(elements);
    } catch (error) {
      // The elements would have been the first ones.
      this.#table.atCurrent();
      if (large.get().length === 0) this.#table.remove();
      throw error;
    }
  }

  #largeNow(): HeapListState<K, N, T> {
    if (this.#namespace !== undefined) this.#heapKeys.setNamespace(this.#namespace);
    return this.#large;
  }
}

import { StateError } from "../../errors/index.js";
import type { EntryKeys } from "../bytes/entry-keys.js";
import { ValueCodec } from "../bytes/value-codec.js";
import type { HeapOwner } from "../heap/heap-keys.js";
import type { EntryVisitor, HeapState, IsExpired } from "../heap/heap-state.js";
import { entryPrefixBytes } from "../key-context.js";
import { hasKeyGroup, type KeyGroupRange, keyGroupOf, signedMurmur3 } from "../key-groups.js";
import { voidNamespace } from "../namespace.js";
import { type ByteReader, ByteWriter, type KeySerializer, type SerializerSnapshot, type TypeSerializer } from "../serializers/index.js";
import type { ValueState } from "../state-kinds.js";
import { fixedKeyBytes } from "./fixed-key-size.js";
import type { FrozenTable } from "./frozen-table.js";
import { StateTable } from "./state-table.js";

export interface TableValueStateOptions {
  /** Every schema the values were written with, oldest first, the serializer's own last. Default: only its own. */
  readonly schemas?: readonly SerializerSnapshot[];
  /** Memory the state may take, in bytes; past it update() throws NO_MEMORY. Default: what the process gets. */
  readonly maxBytes?: number;
}

/** In a table with namespaces, `key group (2) | key | namespace` are the key; without, the key alone. */
const keyGroupBytes = 2;

/** Value state as bytes in a table: for keys and values with compiled serializers. No object for an entry, no garbage for an access. */
export class TableValueState<K, N, T> implements ValueState<T>, HeapState<K, N> {
  readonly #keys: EntryKeys<K, N>;
  readonly #codec: ValueCodec<T>;
  readonly #table: StateTable;
  readonly #hasNamespaces: boolean;
  /** Where a table key begins in a stored key. */
  readonly #start: number;
  #frozen: FrozenTable | undefined;

  /** Throws INVALID_ARGUMENT for a `maxBytes` that is not a positive number. */
  constructor(keys: EntryKeys<K, N>, serializer: TypeSerializer<T>, options: TableValueStateOptions = {}) {
    const { context } = keys;
    this.#keys = keys;
    this.#codec = new ValueCodec(serializer, options.schemas);
    this.#hasNamespaces = (keys.namespaces as KeySerializer<unknown>) !== voidNamespace;
    this.#start = this.#hasNamespaces ? entryPrefixBytes - keyGroupBytes : entryPrefixBytes;
    const keyBytes = this.#fixedTableKeyBytes();
    const valueBytes = serializer.fixedSizeBytes;
    this.#table = new StateTable({
      keyGroups: context.keyGroups,
      maxParallelism: context.maxParallelism,
      keysHavePrefix: this.#hasNamespaces,
      ...(keyBytes === undefined || valueBytes === undefined ? {} : { fixedSizes: { keyBytes, valueBytes: 1 + valueBytes } }),
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    });
  }

  get size(): number {
    return this.#table.size;
  }

  /** Memory taken by live and frozen entries. */
  get sizeBytes(): number {
    return this.#table.sizeBytes;
  }

  value(): Readonly<T> | undefined {
    const key = this.#key();
    const table = this.#table;
    if (!table.find(this.#keys.context.keyGroup, this.#hash(key), key, this.#start, key.length)) return undefined;
    return this.#codec.decode(table.value);
  }

  /** Throws VALUE_NOT_SERIALIZABLE, VALUE_TOO_LARGE, NO_MEMORY; the value is the one before then. */
  update(value: T): void {
    const encoded = this.#codec.encode(value);
    const key = this.#key();
    this.#table.put(this.#keys.context.keyGroup, this.#hash(key), key, this.#start, key.length, encoded, 0, encoded.length);
  }

  clear(): void {
    const key = this.#key();
    this.#table.remove(this.#keys.context.keyGroup, this.#hash(key), key, this.#start, key.length);
  }

  /** Keys that have a value at the first step, each once, in byte order of (key group, key). */
  *keys(): Generator<K, void, undefined> {
    const frozen = this.#table.freeze();
    const last = new ByteWriter();
    try {
      for (const entry of frozen.sortedEntries()) {
        if (entry === undefined) continue;
        const { bytes } = entry.key;
        const start = (entry.key.position += this.#hasNamespaces ? keyGroupBytes : 0);
        const key = this.#keys.context.serializer.readKey(entry.key);
        if (this.#hasNamespaces) {
          const encoded = bytes.subarray(start, entry.key.position);
          if (Buffer.compare(last.subarray(), encoded) === 0) continue;
          last.reset();
          last.raw(encoded);
        }
        yield key;
      }
    } finally {
      frozen.release();
    }
  }

  /** Namespaces in which the current key has a value, in byte order. Reads all entries of the key's group. */
  namespaces(): N[] {
    const { context, namespaces } = this.#keys;
    const prefix = context.entryKey(this.#keys.stateId).copy().subarray(entryPrefixBytes);
    const frozen = this.#table.freeze();
    const found: N[] = [];
    try {
      for (const entry of frozen.sortedEntries({ first: context.keyGroup, last: context.keyGroup })) {
        if (entry === undefined) continue;
        const start = entry.key.position + (this.#hasNamespaces ? keyGroupBytes : 0);
        const end = start + prefix.length;
        if (end > entry.key.end || Buffer.compare(prefix, entry.key.bytes.subarray(start, end)) !== 0) continue;
        entry.key.position = end;
        found.push(namespaces.readKey(entry.key));
      }
    } finally {
      frozen.release();
    }
    return found;
  }

  /** Keys and namespaces that have a value at the first step. */
  *owners(): Generator<HeapOwner<K, N>, void, undefined> {
    const { context, namespaces } = this.#keys;
    for (const { keyGroup, key } of this.#table.entries()) {
      if (this.#hasNamespaces) key.skip(keyGroupBytes);
      yield { key: context.serializer.readKey(key), keyGroup, namespace: namespaces.readKey(key) };
    }
  }

  /** Goes on to the end of a segment, some hundred entries. */
  sweep(isExpired: IsExpired, count: number): void {
    this.#table.sweep(count, (value) => isExpired(this.#codec.decode(value)));
  }

  freeze(): void {
    this.#frozen?.release();
    this.#frozen = this.#table.freeze();
  }

  /** Without key groups to be read once for each freeze(): what was visited is given back to the table at once. */
  *frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Generator<void, void, undefined> {
    if (this.#frozen === undefined) return;
    const key = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });
    const value = new ByteWriter();
    for (const entry of keyGroups === undefined ? this.#frozen.takeEntries() : this.#frozen.entries(keyGroups)) {
      key.reset();
      key.u16be(entry.keyGroup);
      key.u16be(this.#keys.stateId);
      key.raw(entry.key.bytes, entry.key.position + (this.#hasNamespaces ? keyGroupBytes : 0), entry.key.end);
      value.reset();
      value.raw(entry.value.bytes, entry.value.position, entry.value.end);
      visit(key, value);
      yield;
    }
  }

  release(): void {
    this.#frozen?.release();
    this.#frozen = undefined;
  }

  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void {
    const { context, namespaces } = this.#keys;
    const table = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });
    table.u16be(keyGroup);
    const start = key.position;
    context.serializer.readKey(key);
    table.raw(key.bytes, start, key.position);
    const keyHash = signedMurmur3(table.bytes, keyGroupBytes, table.length);
    if (keyGroupOf(keyHash, context.maxParallelism) !== keyGroup || !hasKeyGroup(context.keyGroups, keyGroup)) {
      const what = `a stored key is not of key group ${keyGroup}, under which it was stored`;
      throw new StateError("STATE_CORRUPT", `${what}; restore from another checkpoint`);
    }
    const namespaceStart = key.position;
    namespaces.readKey(key);
    key.expectEnd();
    table.raw(key.bytes, namespaceStart, key.position);
    const hash = this.#hasNamespaces ? signedMurmur3(table.bytes, keyGroupBytes, table.length) : keyHash;
    const encoded = this.#codec.encode(this.#codec.decode(value));
    this.#table.put(keyGroup, hash, table, this.#hasNamespaces ? 0 : keyGroupBytes, table.length, encoded, 0, encoded.length);
  }

  /** The current key and namespace as a stored key, in which the table's key is `[#start .. length)`. */
  #key(): ByteWriter {
    const key = this.#keys.current();
    if (this.#hasNamespaces) key.view.setUint16(this.#start, this.#keys.context.keyGroup, false);
    return key;
  }

  #hash(key: ByteWriter): number {
    return this.#hasNamespaces ? signedMurmur3(key.bytes, entryPrefixBytes, key.length) : this.#keys.context.keyHash;
  }

  #fixedTableKeyBytes(): number | undefined {
    const { context, namespaces } = this.#keys;
    const keyBytes = fixedKeyBytes(context.serializer.keySnapshot());
    if (!this.#hasNamespaces || keyBytes === undefined) return keyBytes;
    const namespaceBytes = fixedKeyBytes(namespaces.keySnapshot());
    return namespaceBytes === undefined ? undefined : keyGroupBytes + keyBytes + namespaceBytes;
  }
}

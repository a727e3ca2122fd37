import { StateError } from "../../errors/index.js";
import type { EntryKeys } from "../bytes/entry-keys.js";
import type { HeapOwner } from "../heap/heap-keys.js";
import { entryPrefixBytes } from "../key-context.js";
import { hasKeyGroup, type KeyGroupRange, keyGroupOf, signedMurmur3, signedMurmur3Of } from "../key-groups.js";
import { voidNamespace } from "../namespace.js";
import type { ByteSource } from "../serializers/byte-source.js";
import { type ByteReader, ByteWriter, type KeySerializer } from "../serializers/index.js";
import type { FrozenTable } from "./frozen-table.js";
import { StateTable } from "./state-table.js";
import { visitFrozen } from "./visit-frozen.js";

export interface KeyedTableOptions {
  /** Size of all values in bytes, where it is always the same. */
  readonly valueBytes?: number;
  /** Memory the table may take, in bytes; past it changes throw NO_MEMORY. Default: what the process gets. */
  readonly maxBytes?: number;
  /** Asked before memory is taken from the process, and told how much; throws NO_MEMORY where it must not be. */
  readonly reserve?: (extraBytes: number) => void;
}

/** In a table with namespaces, `key group (2) | key | namespace` are the key; without, the key alone. */
const keyGroupBytes = 2;

/**
 * One value of bytes for each key and namespace of a state. Calls are about the entry that one of the at...() methods has said,
 * mostly that of the current key.
 */
export class KeyedTable<K, N> {
  /** Stands at the value that find() or edit() found, until the next call. */
  readonly value: ByteReader;
  readonly #keys: EntryKeys<K, N>;
  readonly #table: StateTable;
  readonly #hasNamespaces: boolean;
  /** Where a table key begins in a stored key. */
  readonly #currentStart: number = 0;
  /** The entry that calls are about. */
  #key: ByteSource;
  #start = 0;
  #end = 0;
  #position = 0;
  #frozen: FrozenTable | undefined;
  /** A table key that was put together from parts. */
  readonly #other = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });

  /** Throws INVALID_ARGUMENT for a `maxBytes` that is not a positive number. */
  constructor(keys: EntryKeys<K, N>, options: KeyedTableOptions) {
    const { context } = keys;
    this.#keys = keys;
    this.#key = this.#other;
    this.#hasNamespaces = (keys.namespaces as KeySerializer<unknown>) !== voidNamespace;
    this.#currentStart = this.#hasNamespaces ? entryPrefixBytes - keyGroupBytes : entryPrefixBytes;
    const keyBytes = this.#fixedTableKeyBytes();
    const { valueBytes, maxBytes, reserve } = options;
    this.#table = new StateTable({
      keyGroups: context.keyGroups,
      maxParallelism: context.maxParallelism,
      keysHavePrefix: this.#hasNamespaces,
      ...(keyBytes === undefined ? {} : { keyBytes }),
      ...(valueBytes === undefined ? {} : { valueBytes }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(reserve === undefined ? {} : { reserve }),
    });
    this.value = this.#table.value;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Memory taken by live and frozen entries. */
  get sizeBytes(): number {
    return this.#table.sizeBytes;
  }

  /**
   * Goes to the current key and namespace. Returns its stored key in a writer to which a map key may be added; it holds until another
   * state is used. Throws NO_CURRENT_KEY, DISPOSED.
   */
  atCurrent(): ByteWriter {
    const { context } = this.#keys;
    const key = this.#hasNamespaces ? this.#keys.currentOfOne() : context.encodedKey();
    // Storing an object takes longer than looking whether it is there.
    if (this.#key !== key) this.#key = key;
    this.#start = this.#currentStart;
    this.#end = key.length;
    this.#position = this.#hasNamespaces ? this.#positionInNamespace(key) : context.keyPosition;
    return key;
  }

  #positionInNamespace(key: ByteWriter): number {
    const { keyGroup } = this.#keys.context;
    key.view.setUint16(this.#currentStart, keyGroup, false);
    return this.#table.positionOf(keyGroup, signedMurmur3Of(key, entryPrefixBytes, key.length));
  }

  /** Goes to the entry of a stored key, which is read behind its prefix of key group and state id. Throws STATE_CORRUPT. */
  atStored(keyGroup: number, input: ByteReader): void {
    const { context, namespaces } = this.#keys;
    const start = input.position;
    context.serializer.readKey(input);
    const keyHash = signedMurmur3(input.bytes, start, input.position);
    if (keyGroupOf(keyHash, context.maxParallelism) !== keyGroup || !hasKeyGroup(context.keyGroups, keyGroup)) {
      const what = `a stored key is not of key group ${keyGroup}, under which it was stored`;
      throw new StateError("STATE_CORRUPT", `${what}; restore from another checkpoint`);
    }
    namespaces.readKey(input);
    this.#startOther(keyGroup);
    this.#other.raw(input.bytes, start, input.position);
    this.#endOther(keyGroup);
  }

  atOwner(owner: HeapOwner<K, N>): void {
    this.#startOther(owner.keyGroup);
    this.#keys.context.serializer.writeKey(owner.key, this.#other);
    this.#keys.namespaces.writeKey(owner.namespace, this.#other);
    this.#endOther(owner.keyGroup);
  }

  /** Whether there is an entry. Faster than find(). */
  has(): boolean {
    return this.#table.has(this.#position, this.#key, this.#start, this.#end);
  }

  /** True where there is an entry; `value` stands at its value. */
  find(): boolean {
    return this.#table.find(this.#position, this.#key, this.#start, this.#end);
  }

  /** The same to change the value in place: see StateTable.edit(). */
  edit(): boolean {
    return this.#table.edit(this.#position, this.#key, this.#start, this.#end);
  }

  /** The same where find() has just found it. */
  editFound(): void {
    this.#table.editFound(this.#position, this.#key, this.#start, this.#end);
  }

  /** Gives the value that edit() found another length in place, or returns false: see StateTable.resize(). */
  resize(valueBytes: number): boolean {
    return this.#table.resize(valueBytes);
  }

  /** Puts bytes behind the value that edit() found, or returns false: see StateTable.extend(). */
  extend(tail: ByteSource, start: number, end: number): boolean {
    return this.#table.extend(this.#position, tail, start, end);
  }

  /** Throws NO_MEMORY; the value is the one before then. */
  put(value: ByteSource, start: number, end: number): void {
    this.#table.put(this.#position, this.#key, this.#start, this.#end, value, start, end);
  }

  /** False where there is no entry. Throws NO_MEMORY; the entry is there then. */
  remove(): boolean {
    return this.#table.remove(this.#position, this.#key, this.#start, this.#end);
  }

  /** The table key of the entry that calls are about, without its key group: `key | namespace`. Holds until the next at...(). */
  identity(): Uint8Array {
    return this.#key.bytes.subarray(this.#start + (this.#hasNamespaces ? keyGroupBytes : 0), this.#end);
  }

  get keyGroup(): number {
    return this.#table.keyGroupAt(this.#position);
  }

  /** Goes to entries that `isWanted` is true for and calls `change` at each; without `change`, removes them: see StateTable.sweep(). */
  sweep(count: number, isWanted: (value: ByteReader) => boolean, change?: () => void): void {
    if (change === undefined) return this.#table.sweep(count, isWanted);
    this.#table.sweep(count, isWanted, (position, key) => {
      this.#key = key;
      this.#start = 0;
      this.#end = key.bytes.length;
      this.#position = position;
      change();
    });
  }

  /** Keys that have an entry at the first step, each once, in byte order of (key group, key). */
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

  /** Namespaces in which the current key has an entry, in byte order. Reads all entries of the key's group. */
  namespaces(): N[] {
    const { context, namespaces } = this.#keys;
    const prefix = this.#keys.keyPrefix().subarray(entryPrefixBytes);
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

  /** Keys and namespaces that have an entry at the first step. */
  *owners(): Generator<HeapOwner<K, N>, void, undefined> {
    const { context, namespaces } = this.#keys;
    for (const { keyGroup, key } of this.#table.entries()) {
      if (this.#hasNamespaces) key.skip(keyGroupBytes);
      yield { key: context.serializer.readKey(key), keyGroup, namespace: namespaces.readKey(key) };
    }
  }

  freeze(): void {
    this.#frozen?.release();
    this.#frozen = this.#table.freeze();
  }

  release(): void {
    this.#frozen?.release();
    this.#frozen = undefined;
  }

  /**
   * Visits the stored key and the value of each entry at freeze(), which hold until the visit returns; a step is a moment to pause.
   * Without key groups for the only or last time: what was visited is given back to the table at once.
   */
  *frozen(visit: (key: ByteWriter, value: ByteReader) => void, keyGroups?: KeyGroupRange): Generator<void, void, undefined> {
    if (this.#frozen === undefined) return;
    const cursor = keyGroups === undefined ? this.#frozen.takingCursor() : this.#frozen.cursor(keyGroups);
    yield* visitFrozen(cursor, this.#keys.stateId, this.#hasNamespaces ? keyGroupBytes : 0, visit);
  }

  #startOther(keyGroup: number): void {
    this.#other.reset();
    if (this.#hasNamespaces) this.#other.u16be(keyGroup);
  }

  #endOther(keyGroup: number): void {
    const { bytes, length } = this.#other;
    this.#key = this.#other;
    this.#start = 0;
    this.#end = length;
    this.#position = this.#table.positionOf(keyGroup, signedMurmur3(bytes, this.#hasNamespaces ? keyGroupBytes : 0, length));
  }

  #fixedTableKeyBytes(): number | undefined {
    const keyBytes = this.#keys.context.serializer.fixedKeyBytes;
    if (!this.#hasNamespaces || keyBytes === undefined) return keyBytes;
    const namespaceBytes = this.#keys.namespaces.fixedKeyBytes;
    return namespaceBytes === undefined ? undefined : keyGroupBytes + keyBytes + namespaceBytes;
  }
}

import { HashKeys, type HashKey } from "../heap/hash-key.js";
import { defaultMaxKeyBytes } from "../key-context.js";
import { ByteReader, type KeySerializer, sameSnapshot, type TypeSerializer } from "../serializers/index.js";
import type { MapState } from "../state-kinds.js";
import type { OperatorStateGuard } from "./operator-state-guard.js";
import { type Element, ElementCodec, encodedKey, incompatible, schemasWith, show, type StoredElements } from "./stored-elements.js";

interface Entry<K, V> {
  readonly key: K;
  readonly element: Element<V> & { readonly key: Uint8Array };
}

/** A map that every subtask of an operator has a copy of. Iteration is in the byte order of the encoded keys. */
export class HeapBroadcastState<K, V> implements MapState<K, V> {
  readonly #guard: OperatorStateGuard;
  readonly #keys: KeySerializer<K>;
  readonly #hashes: HashKeys<K>;
  readonly #codec: ElementCodec<V>;
  readonly #stored: StoredElements;
  readonly #entries = new Map<HashKey, Entry<K, V>>();
  /** Rebuilt at the first iteration after a change. */
  #sorted: readonly Entry<K, V>[] | undefined;

  /** Takes restored entries in; throws STATE_INCOMPATIBLE, STATE_CORRUPT. */
  constructor(guard: OperatorStateGuard, keys: KeySerializer<K>, serializer: TypeSerializer<V>, restored: StoredElements) {
    if (restored.key !== undefined && !sameSnapshot(restored.key, keys.keySnapshot())) {
      const difference = `its keys are stored as ${show(restored.key)} and declared as ${show(keys.keySnapshot())}, which may not change`;
      throw incompatible(restored.name, difference);
    }
    const schemas = schemasWith(restored, serializer as TypeSerializer<unknown>);
    this.#guard = guard;
    this.#keys = keys;
    this.#hashes = new HashKeys(keys);
    this.#codec = new ElementCodec(serializer, schemas);
    this.#stored = { ...restored, key: keys.keySnapshot(), schemas };
    for (const element of restored.elements) this.#restore(element);
  }

  get(key: K): Readonly<V> | undefined {
    return this.#find(key)?.element.value;
  }

  put(key: K, value: V): void {
    this.putAll([[key, value]]);
  }

  /** All or nothing: an entry that cannot be stored changes nothing. */
  putAll(entries: Iterable<readonly [K, V]>): void {
    this.#guard.requireOpen();
    const added = new Map<HashKey, Entry<K, V>>();
    for (const [key, value] of entries) {
      const hash = this.#hashes.of(key);
      const bytes = encodedKey((out) => this.#keys.writeKey(key, out), defaultMaxKeyBytes);
      added.set(hash, { key, element: { ...this.#codec.encode(value), key: bytes } });
    }
    let [removedBytes, addedBytes] = [0, 0];
    for (const [hash, entry] of added) {
      const before = this.#entries.get(hash);
      removedBytes += before === undefined ? 0 : sizeOf(before);
      addedBytes += sizeOf(entry);
    }
    this.#guard.change(removedBytes, addedBytes);
    for (const [hash, entry] of added) this.#entries.set(hash, entry);
    this.#sorted = undefined;
  }

  contains(key: K): boolean {
    return this.#find(key) !== undefined;
  }

  remove(key: K): void {
    const entry = this.#find(key);
    if (entry === undefined) return;
    this.#guard.change(sizeOf(entry), 0);
    this.#entries.delete(this.#hashes.of(key));
    this.#sorted = undefined;
  }

  isEmpty(): boolean {
    this.#guard.requireOpen();
    return this.#entries.size === 0;
  }

  *entries(): IterableIterator<readonly [K, Readonly<V>]> {
    this.#guard.requireOpen();
    for (const { key, element } of this.#inOrder()) yield [key, element.value as V];
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<Readonly<V>> {
    for (const [, value] of this.entries()) yield value;
  }

  clear(): void {
    this.#guard.requireOpen();
    for (const entry of this.#entries.values()) this.#guard.change(sizeOf(entry), 0);
    this.#entries.clear();
    this.#sorted = undefined;
  }

  /** The contents as they are now, unchanged by what comes later. */
  contents(): StoredElements {
    return { ...this.#stored, elements: this.#inOrder().map(({ element }) => element) };
  }

  #find(key: K): Entry<K, V> | undefined {
    this.#guard.requireOpen();
    return this.#entries.get(this.#hashes.of(key));
  }

  #inOrder(): readonly Entry<K, V>[] {
    this.#sorted ??= [...this.#entries.values()].sort((left, right) => Buffer.compare(left.element.key, right.element.key));
    return this.#sorted;
  }

  #restore(element: Element<unknown>): void {
    const bytes = element.key ?? new Uint8Array();
    const input = new ByteReader(bytes);
    const key = this.#keys.readKey(input);
    input.expectEnd();
    this.#entries.set(this.#hashes.of(key), { key, element: { ...this.#codec.decoded(element), key: bytes } });
  }
}

function sizeOf({ element }: Entry<unknown, unknown>): number {
  return element.key.length + element.bytes.length;
}

import type { KeyContext } from "../key-context.js";
import { type ByteReader, ByteWriter, type KeySerializer } from "../serializers/index.js";
import type { EntryChanges } from "./entry-changes.js";
import { type HashKey, HashKeys } from "./hash-key.js";

/** Whose entry it is: a key and a namespace of it. */
export interface HeapOwner<K, N> {
  readonly key: K;
  readonly keyGroup: number;
  readonly namespace: N;
}

/** Keys of one state on the heap: those of the current key and namespace, and how they are written. */
export class HeapKeys<K, N> {
  /** Who is told of changes, if anyone. */
  readonly changes: EntryChanges | undefined;
  readonly #context: KeyContext<K>;
  readonly #stateId: number;
  readonly #namespaces: KeySerializer<N>;
  readonly #keyHashes: HashKeys<K>;
  readonly #namespaceHashes: HashKeys<N>;
  #namespace: N;
  #hasNamespaces = false;
  #namespaceHash: HashKey | undefined;
  #entry: ByteWriter | undefined;

  constructor(context: KeyContext<K>, stateId: number, namespaces: KeySerializer<N>, changes?: EntryChanges) {
    this.changes = changes;
    this.#context = context;
    this.#stateId = stateId;
    this.#namespaces = namespaces;
    this.#keyHashes = new HashKeys(context.serializer);
    this.#namespaceHashes = new HashKeys(namespaces);
    this.#namespace = undefined as N;
  }

  setNamespace(namespace: N): void {
    this.#namespaceHash = this.#namespaceHashes.of(namespace);
    this.#namespace = namespace;
    this.#hasNamespaces = true;
  }

  /** What a Map finds the current entry by. Throws NO_CURRENT_KEY. */
  hash(): HashKey {
    const key = this.#keyHashes.of(this.#context.key);
    return this.#hasNamespaces ? combined(key, this.#namespaceHash as HashKey) : key;
  }

  hashOf(owner: HeapOwner<K, N>): HashKey {
    const key = this.#keyHashes.of(owner.key);
    return owner.namespace === undefined ? key : combined(key, this.#namespaceHashes.of(owner.namespace));
  }

  owner(): HeapOwner<K, N> {
    return { key: this.#context.key, keyGroup: this.#context.keyGroup, namespace: this.#namespace };
  }

  /** Makes `out` the stored key of an owner. */
  write(owner: HeapOwner<K, N>, out: ByteWriter): void {
    out.reset();
    out.u16be(owner.keyGroup);
    out.u16be(this.#stateId);
    this.#context.serializer.writeKey(owner.key, out);
    this.#namespaces.writeKey(owner.namespace, out);
  }

  /** The stored key of an owner, ready for a map key behind it. The writer is shared: it holds until the next call. */
  entryOf(owner: HeapOwner<K, N>): ByteWriter {
    const entry = (this.#entry ??= new ByteWriter());
    this.write(owner, entry);
    return entry;
  }

  /** Reads an owner from a stored key, behind its prefix. */
  read(keyGroup: number, input: ByteReader): HeapOwner<K, N> {
    const key = this.#context.serializer.readKey(input);
    return { key, keyGroup, namespace: this.#namespaces.readKey(input) };
  }

  /** The namespaces among the owners that belong to the current key, in byte order. */
  *namespacesOf(owners: Iterable<HeapOwner<K, N>>): IterableIterator<N> {
    const current = this.#keyHashes.of(this.#context.key);
    const found: HeapOwner<K, N>[] = [];
    for (const owner of owners) if (this.#keyHashes.of(owner.key) === current) found.push(owner);
    for (const owner of this.sorted(found)) yield owner.namespace;
  }

  /** The keys of the owners, each once, in byte order of (key group, key). */
  *keysOf(owners: Iterable<HeapOwner<K, N>>): IterableIterator<K> {
    let last: HashKey | undefined;
    for (const owner of this.sorted([...owners])) {
      const hash = this.#keyHashes.of(owner.key);
      if (hash !== last) yield owner.key;
      last = hash;
    }
  }

  /** Owners in the byte order of their stored keys. */
  sorted<O extends HeapOwner<K, N>>(owners: readonly O[]): O[] {
    const writer = new ByteWriter();
    const encoded = owners.map((owner) => {
      this.write(owner, writer);
      return { owner, bytes: writer.copy() };
    });
    encoded.sort((left, right) => Buffer.compare(left.bytes, right.bytes));
    return encoded.map(({ owner }) => owner);
  }
}

/** One hash key out of two: different for every pair, since the first one's length and the types are part of it. */
function combined(key: HashKey, namespace: HashKey): string {
  const text = String(key);
  return `${text.length}${(typeof key)[0]}${text}${(typeof namespace)[0]}${String(namespace)}`;
}

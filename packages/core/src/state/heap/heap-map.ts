import { ByteWriter, type KeySerializer } from "../serializers/index.js";
import type { HashKey } from "./hash-key.js";
import { SnapshotMap } from "./snapshot-map.js";

interface MapEntry<UK, UV> {
  readonly key: UK;
  readonly value: UV;
}

/** The map of one key: entries by hash key, and a view sorted by encoded key that is rebuilt only after a key came or went. */
export class HeapMap<UK, UV> {
  readonly entries = new SnapshotMap<HashKey, MapEntry<UK, UV>>();
  /** The freeze of the owning state that this map took part in last. */
  frozenEpoch = 0;
  #sorted: readonly HashKey[] | undefined;

  put(hash: HashKey, key: UK, value: UV): void {
    const before = this.entries.size;
    this.entries.set(hash, { key, value });
    if (this.entries.size !== before) this.#sorted = undefined;
  }

  remove(hash: HashKey): void {
    if (this.entries.delete(hash)) this.#sorted = undefined;
  }

  /** Hash keys in the byte order of the encoded keys. */
  sortedKeys(serializer: KeySerializer<UK>): readonly HashKey[] {
    this.#sorted ??= sortByEncodedKey(this.entries.entries(), serializer);
    return this.#sorted;
  }
}

function sortByEncodedKey<UK>(entries: Iterable<[HashKey, { readonly key: UK }]>, serializer: KeySerializer<UK>): readonly HashKey[] {
  const writer = new ByteWriter();
  const encoded: { readonly hash: HashKey; readonly bytes: Uint8Array }[] = [];
  for (const [hash, { key }] of entries) {
    writer.reset();
    serializer.writeKey(key, writer);
    encoded.push({ hash, bytes: writer.copy() });
  }
  encoded.sort((left, right) => Buffer.compare(left.bytes, right.bytes));
  return encoded.map(({ hash }) => hash);
}

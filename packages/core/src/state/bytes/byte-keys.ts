import { entryPrefixBytes, type KeyContext, prefixEnd } from "../key-context.js";
import { ByteWriter } from "../serializers/index.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";

/** The keys that have an entry in a state, in byte order of (key group, key); skips over each key's map entries. */
export function* byteKeys<K>(store: OrderedByteStore, context: KeyContext<K>, stateId: number): IterableIterator<K> {
  for (let keyGroup = context.keyGroups.first; keyGroup <= context.keyGroups.last; keyGroup += 1) {
    const prefix = new ByteWriter();
    prefix.u16be(keyGroup);
    prefix.u16be(stateId);
    const upper = prefixEnd(prefix.subarray());
    let lower = prefix.copy();
    for (;;) {
      const found = firstKey(store, context, lower, upper);
      if (found === undefined) break;
      yield found.key;
      lower = found.next;
    }
  }
}

/** The first key at or after `lower` and where the entries of the next key begin. */
function firstKey<K>(
  store: OrderedByteStore,
  context: KeyContext<K>,
  lower: Uint8Array,
  upper: Uint8Array,
): { key: K; next: Uint8Array<ArrayBuffer> } | undefined {
  const cursor = store.scan(lower, upper);
  try {
    if (!cursor.next()) return undefined;
    const start = cursor.key.position;
    cursor.key.skip(entryPrefixBytes);
    const key = context.serializer.readKey(cursor.key);
    return { key, next: new Uint8Array(prefixEnd(cursor.key.bytes.slice(start, cursor.key.position))) };
  } finally {
    cursor.close();
  }
}

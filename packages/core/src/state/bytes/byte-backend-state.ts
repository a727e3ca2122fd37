import type { AnyStateDescriptor } from "../descriptors.js";
import { entryPrefixBytes, type KeyContext, prefixEnd } from "../key-context.js";
import { ByteReader, ByteWriter, type KeySerializer } from "../serializers/index.js";
import type { BackendState } from "../state-handles.js";
import type { RegisteredState } from "../state-registry.js";
import { createByteState } from "./create-byte-state.js";
import { EntryKeys } from "./entry-keys.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";

/** A state in an ordered byte store. */
export function byteBackendState<K>(
  store: OrderedByteStore,
  context: KeyContext<K>,
  descriptor: AnyStateDescriptor,
  registered: RegisteredState,
  namespaces: KeySerializer<unknown>,
): BackendState<K> {
  const keys = new EntryKeys(context, registered.id, namespaces);
  return {
    stored: createByteState(store, keys, descriptor, registered),
    setNamespace: (namespace) => keys.setNamespace(namespace),
    namespaces: () => byteNamespaces(store, keys),
    keys: () => byteKeys(store, context, registered.id),
  };
}

/** The namespaces of the current key; skips over each one's map entries. */
function* byteNamespaces<K, N>(store: OrderedByteStore, keys: EntryKeys<K, N>): IterableIterator<N> {
  const prefix = keys.keyPrefix();
  yield* distinctParts(store, prefix, prefixEnd(prefix), prefix.length, keys.namespaces);
}

/** The keys that have an entry in a state; skips over each key's entries. */
function* byteKeys<K>(store: OrderedByteStore, context: KeyContext<K>, stateId: number): IterableIterator<K> {
  for (let keyGroup = context.keyGroups.first; keyGroup <= context.keyGroups.last; keyGroup += 1) {
    const prefix = new ByteWriter();
    prefix.u16be(keyGroup);
    prefix.u16be(stateId);
    yield* distinctParts(store, prefix.copy(), prefixEnd(prefix.subarray()), entryPrefixBytes, context.serializer);
  }
}

/** Walks over the different values of one part of the stored keys in a range: seeks behind each one to the next. */
function* distinctParts<P>(
  store: OrderedByteStore,
  from: Uint8Array,
  upper: Uint8Array,
  offset: number,
  serializer: KeySerializer<P>,
): IterableIterator<P> {
  let lower = from;
  const part = new ByteReader();
  for (;;) {
    const cursor = store.scan(lower, upper);
    const found = cursor.next() ? cursor.key.copy(cursor.key.remaining) : undefined;
    cursor.close();
    if (found === undefined) return;
    part.reset(found, offset);
    yield serializer.readKey(part);
    if (part.position === 0) return;
    lower = prefixEnd(found.subarray(0, part.position));
  }
}

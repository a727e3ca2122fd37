import { ListCodec, ValueCodec } from "../bytes/value-codec.js";
import type { AnyStateDescriptor } from "../descriptors.js";
import type { KeyContext } from "../key-context.js";
import type { KeySerializer } from "../serializers/index.js";
import type { BackendState } from "../state-handles.js";
import type { RegisteredState } from "../state-registry.js";
import { storedSerializer } from "../stored-state.js";
import type { EntryChanges } from "./entry-changes.js";
import { HeapKeys } from "./heap-keys.js";
import { HeapListState } from "./heap-list-state.js";
import { HeapMapState } from "./heap-map-state.js";
import type { HeapState } from "./heap-state.js";
import { HeapValueState } from "./heap-value-state.js";

/** A state on the heap, and its contents for snapshots. */
export interface HeapBackendState<K> extends BackendState<K> {
  readonly contents: HeapState<K, unknown>;
}

/** A state in JavaScript collections. `changes` is told of every change. */
export function heapBackendState<K>(
  context: KeyContext<K>,
  descriptor: AnyStateDescriptor,
  registered: RegisteredState,
  namespaces: KeySerializer<unknown>,
  changes?: EntryChanges,
): HeapBackendState<K> {
  const keys = new HeapKeys(context, registered.id, namespaces, changes);
  const state = create(keys, descriptor, registered);
  return {
    stored: state,
    contents: state,
    setNamespace: (namespace) => keys.setNamespace(namespace),
    namespaces: () => keys.namespacesOf(state.owners()),
    keys: () => keys.keysOf(state.owners()),
  };
}

function create<K>(keys: HeapKeys<K, unknown>, descriptor: AnyStateDescriptor, registered: RegisteredState) {
  const codec = new ValueCodec(storedSerializer(descriptor), registered.schemas);
  switch (descriptor.kind) {
    case "value":
    case "reducing":
    case "aggregating":
      return new HeapValueState(keys, codec);
    case "list":
      return new HeapListState(keys, new ListCodec(codec));
    case "map":
      return new HeapMapState(keys, descriptor.key, codec);
  }
}

import { EntryKeys } from "../bytes/entry-keys.js";
import type { AnyStateDescriptor } from "../descriptors.js";
import type { HeapBackendState } from "../heap/heap-backend-state.js";
import type { KeyContext } from "../key-context.js";
import type { KeySerializer } from "../serializers/index.js";
import type { RegisteredState } from "../state-registry.js";
import { storedSerializer } from "../stored-state.js";
import { TableListState } from "./table-list-state.js";
import type { TableCollectionOptions } from "./table-collection.js";
import { TableMapState } from "./table-map-state.js";
import { TableValueState } from "./table-value-state.js";

/** True for states that live better as bytes in a table than as objects: values, elements and map values of compiled serializers. */
export function fitsTable(descriptor: AnyStateDescriptor): boolean {
  return storedSerializer(descriptor).isCompiled;
}

/** A state in a table. */
export function tableBackendState<K>(
  context: KeyContext<K>,
  descriptor: AnyStateDescriptor,
  registered: RegisteredState,
  namespaces: KeySerializer<unknown>,
  options: Omit<TableCollectionOptions, "schemas"> = {},
): HeapBackendState<K> {
  const keys = new EntryKeys(context, registered.id, namespaces);
  const state = create(keys, descriptor, { ...options, schemas: registered.schemas });
  return {
    stored: state,
    contents: state,
    setNamespace: (namespace) => state.setNamespace(namespace),
    namespaces: () => state.namespaces()[Symbol.iterator](),
    keys: () => state.stateKeys(),
  };
}

function create<K>(keys: EntryKeys<K, unknown>, descriptor: AnyStateDescriptor, options: TableCollectionOptions) {
  const values = storedSerializer(descriptor);
  switch (descriptor.kind) {
    case "value":
    case "reducing":
    case "aggregating":
      return new TableValueState(keys, values, options);
    case "list":
      return new TableListState(keys, values, options);
    case "map":
      return new TableMapState(keys, descriptor.key, values, options);
  }
}

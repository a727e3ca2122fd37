import { EntryKeys } from "../bytes/entry-keys.js";
import type { AnyStateDescriptor } from "../descriptors.js";
import type { HeapBackendState } from "../heap/heap-backend-state.js";
import type { KeyContext } from "../key-context.js";
import type { KeySerializer } from "../serializers/index.js";
import type { RegisteredState } from "../state-registry.js";
import { storedKind, storedSerializer } from "../stored-state.js";
import { TableValueState } from "./table-value-state.js";

/** True for states that live better as bytes in a table than as objects: one value a key, of a compiled serializer. */
export function fitsTable(descriptor: AnyStateDescriptor): boolean {
  return storedKind(descriptor) === "value" && storedSerializer(descriptor).isCompiled;
}

/** A state in a table. */
export function tableBackendState<K>(
  context: KeyContext<K>,
  descriptor: AnyStateDescriptor,
  registered: RegisteredState,
  namespaces: KeySerializer<unknown>,
): HeapBackendState<K> {
  const keys = new EntryKeys(context, registered.id, namespaces);
  const state = new TableValueState(keys, storedSerializer(descriptor), { schemas: registered.schemas });
  return {
    stored: state,
    contents: state,
    setNamespace: (namespace) => keys.setNamespace(namespace),
    namespaces: () => state.namespaces()[Symbol.iterator](),
    keys: () => state.keys(),
  };
}

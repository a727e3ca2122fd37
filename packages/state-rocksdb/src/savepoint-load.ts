import {
  ByteWriter,
  type KeyedStateContext,
  type OrderedByteStore,
  type RestoredState,
  restoreSavepoint,
  type StateRegistry,
} from "@tidemark/core/state";

/** Writes the entries of a savepoint to a store; the registry of its states. */
export async function loadSavepoint<K>(
  context: KeyedStateContext<K>,
  restore: RestoredState,
  store: OrderedByteStore,
): Promise<StateRegistry> {
  const storedKey = new ByteWriter({ maxBytes: 0x7fff_ffff });
  const storedValue = new ByteWriter({ maxBytes: 0x7fff_ffff });
  return await restoreSavepoint(context, restore, (key, value) => {
    storedKey.reset();
    storedKey.raw(key.bytes, key.position, key.end);
    storedValue.reset();
    storedValue.raw(value.bytes, value.position, value.end);
    store.put(storedKey, storedValue);
  });
}

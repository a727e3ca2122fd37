import type { EntryChanges, MemoryGuard } from "@tidemark/core/state";

/** Asks the guard before a change goes to the log: what there is no memory for must not be in the log either. */
export function guardedChanges(guard: MemoryGuard, log: EntryChanges): EntryChanges {
  return {
    put(key, value) {
      guard.put(key, value);
      log.put(key, value);
    },
    append(key, elements) {
      guard.append(key, elements);
      log.append(key, elements);
    },
    delete(key) {
      log.delete(key);
    },
    deleteAll(keys) {
      log.deleteAll(keys);
    },
  };
}

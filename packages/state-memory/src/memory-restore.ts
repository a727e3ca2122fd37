import {
  type EntryConsumer,
  hasKeyGroup,
  isSavepoint,
  type KeyedStateContext,
  type MemoryGuard,
  readEntryFile,
  restoredRegistry,
  type RestoredState,
  restoreSavepoint,
  StateError,
  type StateRegistry,
} from "@tidemark/core/state";
import type { KeyedStateHandle } from "@tidemark/core/storage";

/** What a checkpoint held: the ids of the states, and their entries as stored, by state id. */
export interface RestoredEntries {
  readonly registry: StateRegistry;
  readonly entries: Map<number, StoredEntries>;
}

/** Entries of one state that wait for the job to declare it: `key` without the state's prefix, and the value. */
export type StoredEntries = { readonly keyGroup: number; readonly key: Uint8Array; readonly value: Uint8Array }[];

/**
 * Reads the entries of this subtask's key groups from its own checkpoints or from a savepoint. Throws BACKEND_MISMATCH,
 * CHECKPOINT_DAMAGED, CHECKPOINT_FILE_DAMAGED, MAX_PARALLELISM_MISMATCH, NO_MEMORY, STATE_INCOMPATIBLE.
 */
export async function restoreEntries<K>(
  context: KeyedStateContext<K>,
  restore: RestoredState,
  guard: MemoryGuard,
): Promise<RestoredEntries> {
  const entries = new Map<number, StoredEntries>();
  const take = takeInto(entries, guard);
  if (isSavepoint(restore)) return { registry: await restoreSavepoint(context, restore, take), entries };
  for (const handle of restore.handles) refuseOtherBackend(handle);
  const registry = restoredRegistry(context, restore.handles);
  for (const handle of restore.handles) {
    const [first, last] = handle.keyGroups;
    if (first > context.keyGroups.last || last < context.keyGroups.first) continue;
    for (const name of handle.files) await readFile(context, restore.file(name).path, take);
  }
  return { registry, entries };
}

async function readFile<K>(context: KeyedStateContext<K>, path: string, take: EntryConsumer): Promise<void> {
  await readEntryFile(context.fileSystem, path, (key, value) => {
    key.need(2);
    if (hasKeyGroup(context.keyGroups, key.view.getUint16(key.position, false))) take(key, value);
  });
}

function takeInto(entries: Map<number, StoredEntries>, guard: MemoryGuard): EntryConsumer {
  return (key, value) => {
    const keyGroup = key.u16be();
    const stateId = key.u16be();
    guard.addEntry(key.remaining + value.remaining);
    let list = entries.get(stateId);
    if (list === undefined) entries.set(stateId, (list = []));
    list.push({ keyGroup, key: key.copy(key.remaining), value: value.copy(value.remaining) });
  };
}

function refuseOtherBackend(handle: KeyedStateHandle): void {
  if (handle.backend === "memory") return;
  throw new StateError(
    "BACKEND_MISMATCH",
    `the checkpoint was taken with the ${handle.backend} backend and cannot be read by memory; run the job with ${handle.backend}, ` +
      "or take a savepoint there and start from that",
  );
}

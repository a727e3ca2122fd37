import { type KeyedStateContext, readEntryFile, type RestoredState, StateError, StateRegistry } from "@tidemark/core/state";
import type { Json, KeyedStateHandle } from "@tidemark/core/storage";

/** What a checkpoint held: the ids of the states, and their entries as stored, by state id. */
export interface RestoredEntries {
  readonly registry: StateRegistry;
  readonly entries: Map<number, StoredEntries>;
}

/** Entries of one state that wait for the job to declare it: `key` without the state's prefix, and the value. */
export type StoredEntries = { readonly keyGroup: number; readonly key: Uint8Array; readonly value: Uint8Array }[];

/** Shape of a handle's description. */
export interface MemoryDescription {
  readonly states: Json;
  readonly entries: number;
}

/** Reads the entry files of all handles that touch this subtask's key groups. */
export async function restoreEntries<K>(context: KeyedStateContext<K>, restore: RestoredState): Promise<RestoredEntries> {
  let registry: StateRegistry | undefined;
  let registryText: string | undefined;
  const entries = new Map<number, StoredEntries>();
  for (const handle of restore.handles) {
    const description = describe(handle);
    const text = JSON.stringify(description.states);
    if (registryText !== undefined && registryText !== text) throw damaged("its subtasks disagree about state ids");
    registryText = text;
    registry = StateRegistry.restore(description.states);
    for (const name of handle.files) await readFile(context, restore.file(name).path, entries);
  }
  if (registry === undefined) throw damaged("it has no state of this operator");
  return { registry, entries };
}

async function readFile<K>(context: KeyedStateContext<K>, path: string, entries: Map<number, StoredEntries>): Promise<void> {
  await readEntryFile(context.fileSystem, path, (key, value) => {
    const keyGroup = key.u16be();
    const stateId = key.u16be();
    if (keyGroup < context.keyGroups.first || keyGroup > context.keyGroups.last) return;
    let list = entries.get(stateId);
    if (list === undefined) entries.set(stateId, (list = []));
    list.push({ keyGroup, key: key.copy(key.remaining), value: value.copy(value.remaining) });
  });
}

function describe(handle: KeyedStateHandle): MemoryDescription {
  if (handle.backend !== "memory") {
    throw new StateError(
      "BACKEND_MISMATCH",
      `the checkpoint was taken with the ${handle.backend} backend and cannot be read by memory; run the job with ${handle.backend}`,
    );
  }
  const description = handle.description as Partial<MemoryDescription> | null;
  if (description === null || typeof description !== "object" || description.states === undefined)
    throw damaged("a description is missing");
  return description as MemoryDescription;
}

function damaged(what: string): StateError {
  return new StateError("CHECKPOINT_DAMAGED", `the keyed state in the checkpoint cannot be restored: ${what}; restore another checkpoint`);
}

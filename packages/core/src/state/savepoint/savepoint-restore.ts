import { StateError } from "../../errors/index.js";
import type { KeyedStateHandle } from "../../storage/index.js";
import type { KeyedStateContext, RestoredState } from "../backend.js";
import type { EntryConsumer } from "../entries/entry-file-reader.js";
import { hasKeyGroup } from "../key-groups.js";
import type { StateRegistry } from "../state-registry.js";
import { restoredRegistry } from "./keyed-description.js";
import { savepointBackend } from "./savepoint-format.js";
import { readSavepoint, readSavepointHeader } from "./savepoint-reader.js";

/** Whether what is to be restored is a savepoint, which every backend reads, and not a backend's own checkpoint. */
export function isSavepoint(restore: RestoredState): boolean {
  return restore.handles.length > 0 && restore.handles.every((handle) => handle.backend === savepointBackend);
}

/**
 * Gives every entry of a savepoint that is in the context's key groups to `consume`, sorted within each file, and resolves with the
 * registry. All headers are checked before the first entry. Throws CHECKPOINT_FILE_DAMAGED, CHECKPOINT_VERSION, CHECKPOINT_DAMAGED,
 * MAX_PARALLELISM_MISMATCH, and STATE_INCOMPATIBLE for keys of another type.
 */
export async function restoreSavepoint<K>(
  context: KeyedStateContext<K>,
  restore: RestoredState,
  consume: EntryConsumer,
): Promise<StateRegistry> {
  const paths: string[] = [];
  const described: Pick<KeyedStateHandle, "keyGroups" | "description">[] = [];
  for (const handle of restore.handles) {
    const [name] = handle.files;
    if (name === undefined || handle.files.length !== 1) {
      const found = `a savepoint handle of operator "${context.operator}" names ${handle.files.length} files`;
      throw new StateError("CHECKPOINT_DAMAGED", `${found} instead of one; restore another savepoint`);
    }
    const { path } = restore.file(name);
    const { maxParallelism, keys, states, keyGroups } = await readSavepointHeader(context.fileSystem, path);
    if (keyGroups[0] !== handle.keyGroups[0] || keyGroups[1] !== handle.keyGroups[1]) {
      throw new StateError("CHECKPOINT_DAMAGED", `${path} holds other key groups than its handle says; restore another savepoint`);
    }
    described.push({ keyGroups, description: { maxParallelism, keys, states } });
    if (keyGroups[0] <= context.keyGroups.last && keyGroups[1] >= context.keyGroups.first) paths.push(path);
  }
  const registry = restoredRegistry(context, described);
  for (const path of paths) {
    await readSavepoint(context.fileSystem, path, (key, value) => {
      if (hasKeyGroup(context.keyGroups, key.view.getUint16(key.position, false))) consume(key, value);
    });
  }
  return registry;
}

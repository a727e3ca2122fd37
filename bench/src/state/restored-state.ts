import type { RestoredState } from "@tidemark/core/state";
import type { CheckpointLease } from "@tidemark/core/storage";
import { WrongResultError } from "../question.js";

/** What the newest checkpoint holds, with the sizes of its files verified; undefined when there is none. */
export async function restoredState(lease: CheckpointLease): Promise<RestoredState | undefined> {
  if (lease.restorePoint === undefined) return undefined;
  const manifest = await lease.readManifest(lease.restorePoint);
  await Promise.all(manifest.files.map((file) => lease.verifyFile(file, "sizes")));
  const files = new Map(manifest.files.map((file) => [file.name, file]));
  return {
    handles: manifest.operators.flatMap((operator) => operator.subtasks.flatMap((subtask) => subtask.keyed ?? [])),
    file: (name) => {
      const reference = files.get(name);
      if (reference === undefined) throw new WrongResultError(`${name} is not in the manifest`);
      return { reference, path: lease.pathOf(reference) };
    },
  };
}

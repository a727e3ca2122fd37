import type { FindElsewhere, RestoredState } from "@tidemark/core/state";
import { type FileSystem, isLinkImpossible } from "@tidemark/core/storage";

/** Where a file is wanted, and what may be used or stop it. */
export interface RestoredFileTarget {
  readonly to: string;
  readonly signal?: AbortSignal;
  /** For a `place` of the restored checkpoint: other places that may have the file. */
  readonly elsewhere?: FindElsewhere;
}

/** Puts a file of the restored checkpoint at a path: as whoever restores says, else by link, else by copy. */
export async function placeRestoredFile(
  restore: RestoredState,
  name: string,
  fileSystem: FileSystem,
  { to, signal, elsewhere }: RestoredFileTarget,
): Promise<void> {
  if (restore.place !== undefined) {
    await restore.place(name, to, signal, elsewhere);
    return;
  }
  const { path } = restore.file(name);
  try {
    await fileSystem.link(path, to);
  } catch (error) {
    if (!isLinkImpossible(error)) throw error;
    await fileSystem.copyFile(path, to, signal);
  }
}

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Counts the bytes that come into a directory, linked, copied or written. A file is known by inode and time of birth: one that is
 * renamed or gets a second name is not new, one that reuses a deleted file's inode is.
 */
export class DirectoryGrowth {
  readonly #directory: string;
  readonly #sizes = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Bytes that came since the last call. */
  async take(): Promise<number> {
    let newBytes = 0;
    const present = new Set<string>();
    for (const { id, sizeBytes } of await filesIn(this.#directory)) {
      if (present.has(id)) continue;
      present.add(id);
      newBytes += Math.max(0, sizeBytes - (this.#sizes.get(id) ?? 0));
      this.#sizes.set(id, sizeBytes);
    }
    for (const id of this.#sizes.keys()) if (!present.has(id)) this.#sizes.delete(id);
    return newBytes;
  }
}

export interface FoundFile {
  readonly path: string;
  /** The same for every name of the same bytes. */
  readonly id: string;
  readonly sizeBytes: number;
}

/**
 * Every regular file below a directory; none when it does not exist. Files and directories that vanish meanwhile are left out, which
 * Node's own recursive readdir cannot do: it fails as a whole.
 */
export async function filesIn(directory: string): Promise<FoundFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(ignoreMissing);
  const found: FoundFile[] = [];
  for (const entry of entries ?? []) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await filesIn(path)));
    const status = entry.isFile() ? await lstat(path, { bigint: true }).catch(ignoreMissing) : undefined;
    if (status !== undefined) found.push({ path, id: `${status.dev}-${status.ino}-${status.birthtimeNs}`, sizeBytes: Number(status.size) });
  }
  return found;
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}

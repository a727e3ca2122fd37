import { join } from "node:path";
import type { FindElsewhere, KeyedStateContext } from "@tidemark/core/state";
import type { FileSystem } from "@tidemark/core/storage";
import { otherAttempts, type WorkingDirectory } from "./working-directory.js";

/** Files looked at at the same time. */
const statsTogether = 16;
/** Files of one size that are offered. Each that is not the one costs reading it, and table files of one size are rare. */
const sameSizeMax = 4;

/**
 * Table files of other attempts on this machine, for a restore that cannot link the checkpoint's: what a killed life left behind may hold
 * the same bytes. Their names say nothing (rule 13), so they are offered by size, and whoever takes one must compare its checksum.
 * The other attempt may be alive still: its files may be linked, never moved, and can vanish at any time.
 */
export function localFiles<K>(directory: string, current: WorkingDirectory, context: KeyedStateContext<K>): FindElsewhere {
  let found: Promise<ReadonlyMap<number, readonly string[]>> | undefined;
  return async ({ sizeBytes }) => {
    found ??= tableFilesBySize(directory, current, context);
    return (await found).get(sizeBytes)?.slice(0, sameSizeMax) ?? [];
  };
}

async function tableFilesBySize<K>(
  directory: string,
  current: WorkingDirectory,
  context: KeyedStateContext<K>,
): Promise<ReadonlyMap<number, readonly string[]>> {
  const { fileSystem } = context;
  const bySize = new Map<number, string[]>();
  try {
    const attempts = [...(await otherAttempts(directory, current, context))];
    // What the last life had is likeliest to be in its last checkpoint.
    attempts.sort((a, b) => b.generation - a.generation);
    for (const { root } of attempts) {
      for (const { path, sizeBytes } of await sizesOf(fileSystem, await tableFilesOf(fileSystem, root))) {
        const others = bySize.get(sizeBytes);
        if (others === undefined) bySize.set(sizeBytes, [path]);
        else others.push(path);
      }
    }
  } catch {
    // A directory that cannot be read has nothing to offer; the checkpoint has everything.
  }
  return bySize;
}

/** The open database's tables, drained layers and held bases. */
async function tableFilesOf(fileSystem: FileSystem, root: string): Promise<string[]> {
  const pins = join(root, "pins");
  const held = (await fileSystem.list(pins)).map(({ name }) => join(pins, name));
  const paths: string[] = [];
  for (const folder of [join(root, "database"), join(root, "drained"), ...held]) {
    for (const { name, kind } of await fileSystem.list(folder)) {
      if (kind === "file" && name.endsWith(".sst")) paths.push(join(folder, name));
    }
  }
  return paths;
}

async function sizesOf(fileSystem: FileSystem, paths: readonly string[]): Promise<{ readonly path: string; readonly sizeBytes: number }[]> {
  const sizes: { readonly path: string; readonly sizeBytes: number }[] = [];
  for (let start = 0; start < paths.length; start += statsTogether) {
    const looked = await Promise.all(
      paths.slice(start, start + statsTogether).map(async (path) => ({ path, status: await fileSystem.stat(path) })),
    );
    for (const { path, status } of looked) if (status?.kind === "file") sizes.push({ path, sizeBytes: status.sizeBytes });
  }
  return sizes;
}

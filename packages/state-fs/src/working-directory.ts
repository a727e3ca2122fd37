import { dirname, join } from "node:path";
import { type KeyedStateContext, StateError } from "@tidemark/core/state";
import type { FileSystem } from "@tidemark/core/storage";

/**
 * Makes `<directory>/<job>/<operator>-<subtask>-<process>-<nonce>/` for a log that is scratch: each attempt gets its own (rule 13).
 * Removes those of processes that are no more: what they were written for is in checkpoints. One that lives, fenced or
 * another job of the same name, keeps its own.
 */
export async function createScratchDirectory<K>(directory: string, nonce: string, context: KeyedStateContext<K>): Promise<string> {
  const { job, operator, subtask, fileSystem } = context;
  const parent = join(directory, job);
  const root = join(parent, `${operator}-${subtask}-${process.pid}-${nonce}`);
  if ((await fileSystem.stat(root)) !== undefined)
    throw new StateError("DIRECTORY_IN_USE", `${root} exists already; it belongs to another attempt of this job`);
  await fileSystem.makeDirectory(root);
  const pattern = new RegExp(`^${operator.replaceAll(".", "\\.")}-${subtask}-(\\d+)-[0-9a-f]{8}$`);
  for (const entry of await fileSystem.list(parent)) {
    const match = pattern.exec(entry.name);
    if (match !== null && !isRunning(Number(match[1]))) await fileSystem.removeDirectory(join(parent, entry.name));
  }
  return root;
}

/** Whether a process of this machine has the number; one of another user counts. */
function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** `<directory>/<job>/<operator>-<subtask>/`: where a durable log is, in every attempt. */
export function durableDirectory<K>(directory: string, { job, operator, subtask }: KeyedStateContext<K>): string {
  return join(directory, job, `${operator}-${subtask}`);
}

/**
 * Makes a directory that survives a crash: each new one is durable when its parent was synced. The last `alwaysSynced` levels are synced
 * also where they are there, because a crash may have come between the two.
 */
export async function makeDurableDirectory(fileSystem: FileSystem, path: string, alwaysSynced = 3): Promise<void> {
  const parent = dirname(path);
  const isThere = (await fileSystem.stat(path)) !== undefined;
  if (parent === path || (isThere && alwaysSynced === 0)) return;
  await makeDurableDirectory(fileSystem, parent, Math.max(0, alwaysSynced - 1));
  if (!isThere) await fileSystem.makeDirectory(path);
  await fileSystem.syncDirectory(parent);
}

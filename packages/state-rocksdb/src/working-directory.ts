import { join } from "node:path";
import { Database } from "@tidemark/rocksdb";
import { type KeyedStateContext, StateError } from "@tidemark/core/state";
import type { FileSystem } from "@tidemark/core/storage";

/** Folders of one attempt of one subtask. Nothing in them outlives the attempt. */
export interface WorkingDirectory {
  readonly root: string;
  /** The open database. */
  readonly database: string;
  /** Hard links to the table files of snapshots under way. */
  readonly pins: string;
  /** Table files of drained layers until they are in a checkpoint. */
  readonly drained: string;
  /** Files of a checkpoint on their way into the database. */
  readonly staging: string;
}

/**
 * Makes `<directory>/<job>/<operator>-<subtask>-<generation>-<nonce>/`. Each attempt gets its own: a database left by a crash has no
 * write-ahead log and is never opened again (rule 13).
 */
export async function createWorkingDirectory<K>(
  directory: string,
  nonce: string,
  context: KeyedStateContext<K>,
): Promise<WorkingDirectory> {
  const { job, operator, subtask, generation, fileSystem } = context;
  const root = join(directory, job, `${operator}-${subtask}-${generation}-${nonce}`);
  if ((await fileSystem.stat(root)) !== undefined)
    throw new StateError("DIRECTORY_IN_USE", `${root} exists already; it belongs to another attempt of this job`);
  const below = (name: string): string => join(root, name);
  const working = { root, database: below("database"), pins: below("pins"), drained: below("drained"), staging: below("staging") };
  await Promise.all([working.pins, working.drained, working.staging].map((path) => fileSystem.makeDirectory(path)));
  return working;
}

/** The directory of another attempt of the same operator. */
export interface OtherAttempt {
  readonly root: string;
  readonly subtask: number;
  readonly generation: number;
}

/** The working directories beside one's own, of whatever subtask and generation; somebody may still use them. */
export async function otherAttempts<K>(
  directory: string,
  current: WorkingDirectory,
  context: KeyedStateContext<K>,
): Promise<readonly OtherAttempt[]> {
  const { job, operator, fileSystem } = context;
  const parent = join(directory, job);
  const pattern = new RegExp(`^${operator.replaceAll(".", "\\.")}-(\\d+)-(\\d+)-[0-9a-f]+$`);
  return (await fileSystem.list(parent)).flatMap(({ name, kind }) => {
    const [, subtask, generation] = pattern.exec(name) ?? [];
    const root = join(parent, name);
    if (kind !== "directory" || root === current.root || generation === undefined) return [];
    return [{ root, subtask: Number(subtask), generation: Number(generation) }];
  });
}

/**
 * Removes what crashed attempts left behind: of this subtask, and of all subtasks where the attempt is of an older generation, since the
 * job may have had more of them then. A directory whose database is open in any process stays; RocksDB's own lock tells.
 */
export async function removeAbandoned<K>(directory: string, current: WorkingDirectory, context: KeyedStateContext<K>): Promise<void> {
  const { subtask, generation, fileSystem } = context;
  for (const attempt of await otherAttempts(directory, current, context)) {
    const isOlder = attempt.generation < generation;
    // Another subtask of this generation may be opening its database; to look at the lock would take it for a moment.
    if (!isOlder && attempt.subtask !== subtask) continue;
    if (await isAbandoned(fileSystem, join(attempt.root, "database"), isOlder)) await fileSystem.removeDirectory(attempt.root);
  }
}

async function isAbandoned(fileSystem: FileSystem, database: string, isOlder: boolean): Promise<boolean> {
  // Without its lock file the database may be one that another process is about to open, unless that process was taken over from: then it
  // was killed before it opened the database, or while it removed the directory, or cannot go on anyway.
  const hasLock = (await fileSystem.stat(join(database, "LOCK"))) !== undefined;
  return hasLock ? !Database.isInUse(database) : isOlder;
}

import { expect } from "vitest";
import type { CheckpointLease, CheckpointStorage, CompletedCheckpoint, ManifestContent, SubsumeReport } from "./checkpoint-storage.js";
import { directoryCheckpointStorage } from "./directory-checkpoint-storage.js";
import type { FileSystem } from "./file-system.js";
import type { FileChain, FileReference } from "./manifest.js";
import { isSafeName, temporaryGenerationOf } from "./names.js";

/** A coordinator's life that the crash tests break off at every step, and what must hold afterwards. */

export const job = "word-count";
export const root = "/checkpoints";

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

let nonces = 0;

export function storageOn(fileSystem: FileSystem): CheckpointStorage {
  return directoryCheckpointStorage({ directory: root, fileSystem, nonce: () => `n${nonces++}`, clock: { now: () => 1_000 } });
}

/** A manifest whose one operator needs all `files`. */
export function manifestOf(files: readonly FileReference[], chain?: FileChain): ManifestContent {
  const names = files.map(({ name }) => name);
  const goesOn = chain === undefined ? {} : { chain };
  const keyed = { backend: "memory", keyGroups: [0, 127], files: names, description: { levels: [1, 2] }, ...goesOn } as const;
  return {
    kind: "checkpoint",
    createdAtMs: 1_000,
    maxParallelism: 128,
    records: 7,
    operators: [{ id: "count", parallelism: 1, subtasks: [{ subtask: 0, keyed, connector: { offset: 3 } }] }],
  };
}

/** Writes a local file for addFile, not fsynced; through the file system underneath, so that tests do not break off in here. */
export async function localFile(fileSystem: FileSystem, name: string, text: string): Promise<string> {
  const path = `/local/${name}`;
  await fileSystem.makeDirectory("/local");
  const file = await fileSystem.createFile(path);
  await file.write(new TextEncoder().encode(text));
  await file.close();
  return path;
}

export async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text.slice(0, 3));
  yield new TextEncoder().encode(text.slice(3));
}

/** What a life was told to be done, for comparison with what is there afterwards. */
export interface Acknowledged {
  announced: CompletedCheckpoint[];
  subsumed: SubsumeReport[];
  generation: number;
}

/**
 * Takes a lease, then `count` checkpoints: each adds one linked and one streamed file, every third starts a new chain, whose base is
 * listed in a file of its own. After each the older ones are subsumed. An aborted checkpoint in the middle leaves files behind that the
 * next one uses.
 */
export async function live(fileSystem: FileSystem, local: FileSystem, told: Acknowledged, count = 6): Promise<void> {
  const lease = await storageOn(fileSystem).acquire(job);
  told.generation = lease.generation;
  const restored = lease.restorePoint === undefined ? undefined : await lease.readManifest(lease.restorePoint);
  let base = restored?.operators[0]?.subtasks[0]?.keyed?.chain;
  const lists = new Set(restored?.baseLists?.map(({ file }) => file));
  let files = restored?.files.filter(({ name }) => !lists.has(name)) ?? [];
  for (let step = 1; step <= count; step += 1) {
    const id = lease.highestId + step;
    const pending = await lease.begin(id);
    const name = `${lease.generation}-0-${id}`;
    const path = await localFile(local, `${name}-${nonces++}`, `linked ${name}`);
    const linked = await pending.files.addFile(path, `${name}.sst`);
    const added = [linked, await pending.files.writeFile(`${name}.log`, chunksOf(`log of ${name}`))];
    files = step % 3 === 0 ? added : [...files, ...added];
    if (step % 3 === 0) base = { id: `${lease.generation}-${id}`, base: added.map((each) => each.name), description: { of: id } };
    if (step === 2) {
      await pending.abort();
      continue;
    }
    const completed = await pending.complete(manifestOf(files, base), files).catch(async (error: unknown) => {
      await pending.abort().catch(() => undefined);
      throw error;
    });
    told.announced.push(completed);
    if (base !== undefined) lease.chainVerified(base.id);
    told.subsumed.push(await lease.subsume(2));
  }
}

/** Everything that can be restored is whole; what was acknowledged last is there. */
export async function requireSound(fileSystem: FileSystem, told: Acknowledged): Promise<CompletedCheckpoint[]> {
  const reader = storageOn(fileSystem).reader(job);
  const list = await reader.list();
  const last = told.announced.at(-1);
  if (last !== undefined) {
    // A crash inside complete() may leave one more than was acknowledged, never one less.
    expect(list.map(({ id }) => id)).toContain(last.id);
    expect(list.filter(({ id }) => id > last.id).length).toBeLessThanOrEqual(1);
  }
  for (const checkpoint of list) {
    const manifest = await reader.readManifest(checkpoint);
    for (const file of manifest.files) {
      await reader.verifyFile(file, "checksums");
    }
  }
  return list;
}

/** A new coordinator restores the newest, goes on, and cleans up everything that the old one left. */
export async function requireContinues(fileSystem: FileSystem, local: FileSystem, told: Acknowledged): Promise<void> {
  const list = await requireSound(fileSystem, told);
  const lease = await storageOn(fileSystem).acquire(job);
  expect(lease.generation).toBeGreaterThan(told.generation);
  expect(lease.restorePoint).toEqual(list.at(-1));
  expect(lease.highestId).toBeGreaterThanOrEqual(Math.max(0, ...told.announced.map(({ id }) => id)));
  const next: Acknowledged = { announced: [], subsumed: [], generation: 0 };
  await live(fileSystem, local, next, 4);
  await requireSound(fileSystem, next);
  const last = await storageOn(fileSystem).acquire(job);
  await requireOnlyLive(fileSystem, last, 2);
}

/** No leftovers: exactly the retained checkpoints and the files they name. */
export async function requireOnlyLive(fileSystem: FileSystem, lease: CheckpointLease, retained: number): Promise<void> {
  const list = await lease.list();
  expect(list.length).toBe(retained);
  const names = new Set<string>();
  for (const checkpoint of list) {
    (await lease.readManifest(checkpoint)).files.forEach(({ name }) => names.add(name));
  }
  const shared = await fileSystem.list(`${root}/${job}/shared`);
  expect(shared.filter(({ name }) => isSafeName(name)).map(({ name }) => name)).toEqual([...names].sort());
  const temporary = shared.map(({ name }) => temporaryGenerationOf(name)).filter((generation) => generation !== undefined);
  expect(temporary).toEqual([]);
  const directories = (await fileSystem.list(`${root}/${job}`)).filter(({ name }) => name.startsWith("chk-"));
  expect(directories.length).toBe(retained);
}

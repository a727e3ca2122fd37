import assert from "node:assert/strict";
import { expect, test } from "vitest";
import { isStateError, StateError } from "../errors/index.js";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { writeDurably } from "./create-if-absent.js";
import { directoryCheckpointStorage } from "./directory-checkpoint-storage.js";
import { faultAt, FaultyFileSystem, type Fault } from "./faulty-file-system.js";
import type { FileSystem } from "./file-system.js";
import type { FileReference } from "./manifest.js";
import { MemoryFileSystem, type CrashOptions } from "./memory-file-system.js";
import { chunksOf, job, live, manifestOf, requireOnlyLive, requireSound, root, seeded, storageOn } from "./scripted-life.test.support.js";

/** What a life was told, so that its successor can be held to it. */
interface Told {
  rolledBackTo?: CompletedCheckpoint;
  completed?: CompletedCheckpoint;
}

/** A directory with three checkpoints, the newest with a damaged manifest. */
async function damagedNewest(): Promise<{ memory: MemoryFileSystem; announced: CompletedCheckpoint[] }> {
  const memory = new MemoryFileSystem();
  const lease = await storageOn(memory).acquire(job);
  const announced: CompletedCheckpoint[] = [];
  let chain: FileReference[] = [];
  for (const id of [1, 2, 3]) {
    const pending = await lease.begin(id);
    chain = [...chain.slice(-1), await pending.files.writeFile(`1-${id}`, chunksOf(`contents of ${id}`))];
    announced.push(await pending.complete(manifestOf(chain), chain));
  }
  const manifest = `${root}/${job}/chk-000003/manifest.json.gz`;
  await memory.removeFile(manifest);
  await writeDurably(memory, manifest, new Uint8Array(9));
  await memory.syncDirectory(`${root}/${job}/chk-000003`);
  return { memory, announced };
}

/** Falls back below the damaged one as a job does, marks a file, completes a checkpoint and cleans up. */
async function fallBack(fileSystem: FileSystem, announced: readonly CompletedCheckpoint[], told: Told): Promise<void> {
  const lease = await storageOn(fileSystem).acquire(job);
  const older = announced[1] as CompletedCheckpoint;
  const { files } = await lease.readManifest(older);
  for (const file of files) await lease.verifyFile(file, "checksums");
  await lease.markSuspect({ name: "1-3", sizeBytes: 1, sha256: "" });
  await lease.rollBackTo(older);
  told.rolledBackTo = older;
  const pending = await lease.begin(lease.highestId + 1);
  const added = await pending.files.writeFile(`${lease.generation}-next`, chunksOf("next"));
  const completed = await pending.complete(manifestOf([...files, added]), [...files, added]);
  told.completed = completed;
  await lease.subsume(1);
}

async function requireFellBack(memory: MemoryFileSystem, announced: readonly CompletedCheckpoint[], told: Told): Promise<void> {
  const lease = await storageOn(memory).acquire(job);
  const point = lease.restorePoint;
  if (told.completed !== undefined) expect(point).toEqual(told.completed);
  // The last calls of complete() may have announced one that nobody was told of.
  else if (told.rolledBackTo !== undefined) expect([2, 4]).toContain(point?.id);
  else expect([2, 3, 4]).toContain(point?.id);
  expect(lease.highestId).toBeGreaterThanOrEqual(3);
  if (point?.id === 3) {
    // Going back was not decided yet: the damaged one is still the newest, and the older ones are whole.
    await expect(lease.readManifest(point)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    await lease.rollBackTo(announced[1] as CompletedCheckpoint);
  }
  for (const checkpoint of await lease.list()) {
    for (const file of (await lease.readManifest(checkpoint)).files) await lease.verifyFile(file, "checksums");
  }
  await live(memory, memory, { announced: [], subsumed: [], generation: 0 }, 4);
  await requireOnlyLive(memory, await storageOn(memory).acquire(job), 2);
}

/** Runs `act` once for each of its calls, broken off there; then `check` looks at what a crash leaves. */
async function atEveryCall(
  prepare: () => Promise<MemoryFileSystem>,
  act: (fileSystem: FaultyFileSystem, memory: MemoryFileSystem) => Promise<void>,
  check: (memory: MemoryFileSystem) => Promise<void>,
): Promise<number> {
  const modes: readonly ((index: number) => CrashOptions | undefined)[] = [
    () => ({}),
    (index) => ({ random: seeded(index) }),
    // The process dies, the machine goes on.
    () => undefined,
  ];
  let calls = 0;
  for (const [mode, optionsAt] of modes.entries()) {
    for (let index = 0; ; index += 1) {
      const memory = await prepare();
      const fault: Fault = { kind: "crash-after" };
      const faulty = new FaultyFileSystem(memory, faultAt(index, fault));
      await act(faulty, memory).catch((error: unknown) => assert.ok(faulty.isCrashed, String(error)));
      if (!faulty.isCrashed) break;
      calls = Math.max(calls, index);
      const options = optionsAt(index);
      if (options !== undefined) memory.crash(options);
      const call = faulty.calls[index];
      await check(memory).catch((error: unknown) => {
        throw new Error(`mode ${mode}, call ${index}: ${call?.operation} ${call?.path}`, { cause: error });
      });
    }
  }
  return calls;
}

test("rules 15, 20: a crash at every call of falling back leaves the old decision or the new one, all announced whole", async () => {
  let announced: CompletedCheckpoint[] = [];
  let told: Told = {};
  const calls = await atEveryCall(
    async () => {
      told = {};
      const prepared = await damagedNewest();
      announced = prepared.announced;
      return prepared.memory;
    },
    (faulty) => fallBack(faulty, announced, told),
    (memory) => requireFellBack(memory, announced, told),
  );
  expect(calls).toBeGreaterThan(80);
});

const forkRoot = "/fork/checkpoints";
let nonces = 0;

function forkOn(fileSystem: FileSystem): ReturnType<typeof directoryCheckpointStorage> {
  return directoryCheckpointStorage({ directory: forkRoot, fileSystem, nonce: () => `f${nonces++}` });
}

/** Pins (or claims) the newest checkpoint of the source, imports its files, and completes a first checkpoint on top of them. */
async function fork(fileSystem: FileSystem, mode: "claim" | "no-claim"): Promise<CheckpointLease> {
  const own = forkOn(fileSystem);
  const lease = await own.acquire("fork");
  if ((await lease.list()).length > 0) return lease;
  const source = storageOn(fileSystem);
  const reader = mode === "claim" ? await source.acquire(job) : source.reader(job);
  const newest = (await reader.list()).at(-1) as CompletedCheckpoint;
  const owner = { job: "fork", location: own.location, generation: lease.generation };
  const pin = mode === "claim" ? undefined : await source.pin(job, newest, owner);
  const { files } = pin?.manifest ?? (await reader.readManifest(newest));
  const imported: FileReference[] = [];
  for (const [index, file] of files.entries()) {
    imported.push((await lease.importFile(reader.pathOf(file), `${lease.generation}-restored-${index}`, file)).reference);
  }
  await pin?.release();
  const pending = await lease.begin(lease.highestId + 1);
  await pending.complete(manifestOf(imported), imported);
  await lease.subsume(1);
  return lease;
}

for (const mode of ["claim", "no-claim"] as const) {
  test(`rule 17: a crash at every call of starting from another job's checkpoint (${mode}) leaves both jobs whole`, async () => {
    const told = { announced: [] as CompletedCheckpoint[], subsumed: [], generation: 0 };
    const calls = await atEveryCall(
      async () => {
        const memory = new MemoryFileSystem();
        told.announced = [];
        await live(memory, memory, told, 3);
        return memory;
      },
      async (faulty) => void (await fork(faulty, mode)),
      async (memory) => {
        await requireSound(memory, told);
        const lease = await fork(memory, mode);
        const checkpoints = await lease.list();
        expect(checkpoints.length).toBe(1);
        const { files } = await lease.readManifest(checkpoints[0] as CompletedCheckpoint);
        for (const file of files) await lease.verifyFile(file, "checksums");
        // No pin of a dead life stays, so the source cleans up as ever, and the fork does not feel it.
        expect((await memory.list(`${root}/${job}/pins`)).filter(({ name }) => !name.startsWith("."))).toEqual([]);
        await live(memory, memory, { announced: [], subsumed: [], generation: 0 }, 4);
        await requireOnlyLive(memory, await storageOn(memory).acquire(job), 2);
        for (const file of files) await lease.verifyFile(file, "checksums");
        // What crashed lives imported and nobody names goes.
        const again = await forkOn(memory).acquire("fork");
        const pending = await again.begin(again.highestId + 1);
        await pending.complete(manifestOf(files), files);
        await again.subsume(1);
        const shared = (await memory.list(`${forkRoot}/fork/shared`)).map(({ name }) => name);
        expect(shared).toEqual(files.map(({ name }) => name).sort());
      },
    );
    expect(calls).toBeGreaterThan(60);
  });
}

test("an error at every call of falling back, a pin and an import is a StateError and spoils nothing", async () => {
  for (const errno of ["EIO", "ENOSPC", "EMFILE"]) {
    const error = new StateError(errno === "ENOSPC" ? "NO_SPACE" : "IO", `injected ${errno}`, { details: { errno } });
    for (let index = 0; ; index += 1) {
      const { memory, announced } = await damagedNewest();
      const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "error", error }));
      const told: Told = {};
      const failure = await fallBack(faulty, announced, told).then(() => undefined, (thrown: unknown) => thrown);
      assert.ok(failure === undefined || isStateError(failure), String(failure));
      await requireFellBack(memory, announced, told);
      if (faulty.calls.length <= index) break;
    }
    for (let index = 0; ; index += 1) {
      const memory = new MemoryFileSystem();
      const told = { announced: [] as CompletedCheckpoint[], subsumed: [], generation: 0 };
      await live(memory, memory, told, 3);
      const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "error", error }));
      const failure = await fork(faulty, "no-claim").then(() => undefined, (thrown: unknown) => thrown);
      assert.ok(failure === undefined || isStateError(failure), String(failure));
      await requireSound(memory, told);
      await fork(memory, "no-claim");
      if (faulty.calls.length <= index) break;
    }
  }
});

import assert from "node:assert/strict";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isStateError, StateError } from "../errors/index.js";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { writeDurably } from "./create-if-absent.js";
import { faultAt, FaultyFileSystem, type FaultPlan } from "./faulty-file-system.js";
import type { FileSystem } from "./file-system.js";
import { planGarbage, sweepGarbage, type GarbagePlan } from "./garbage-sweep.js";
import type { FileReference } from "./manifest.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { openPlace } from "./job-survey.js";
import { Pins } from "./pins.js";
import { NodeFileSystem } from "./node-file-system.js";
import {
  chunksOf, job, live, localFile, manifestOf, requireSound, root, seeded, storageOn, type Acknowledged,
} from "./scripted-life.test.support.js";

const directory = `${root}/${job}`;

function placeOn(fileSystem: FileSystem): { directory: string; job: string; fileSystem: FileSystem } {
  return { directory: root, job, fileSystem };
}

async function add(lease: CheckpointLease, id: number, names: readonly string[]): Promise<FileReference[]> {
  const pending = await lease.begin(id);
  const files = [];
  for (const name of names) {
    files.push(await pending.files.writeFile(name, chunksOf(`contents of ${name}`)));
  }
  await pending.complete(manifestOf(files), files);
  return files;
}

function reasons(plan: GarbagePlan): Record<string, string> {
  return Object.fromEntries(plan.items.map(({ path, mayGo, reason }) => [path, `${mayGo ? "goes" : "stays"}: ${reason}`]));
}

async function flip(fileSystem: MemoryFileSystem, path: string, at: number): Promise<void> {
  const bytes = (await fileSystem.readFile(path)).slice();
  bytes[at] = (bytes[at] as number) ^ 1;
  await fileSystem.removeFile(path);
  await writeDurably(fileSystem, path, bytes);
}

describe("the plan", () => {
  test("rule 17: says of everything why it stays or may go, and deletes nothing", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    const [kept] = (await add(first, 1, ["1-0-a"])) as [FileReference];
    await (await first.begin(2)).files.writeFile("1-0-orphan", chunksOf("never named"));
    await writeDurably(memory, `${directory}/shared/.tmp-1-n-x`, new Uint8Array(9));
    await writeDurably(memory, `${directory}/shared/strange`, new Uint8Array(9));
    await writeDurably(memory, `${directory}/chk-000002/.tmp-1-n-manifest.json.gz`, new Uint8Array(3));
    const second = await storageOn(memory).acquire(job);
    await writeDurably(memory, `${directory}/shared/.tmp-2-n-y`, new Uint8Array(9));
    const pending = await second.begin(3);
    await pending.files.writeFile("2-0-b", chunksOf("unfinished"));
    const before = await memory.list(`${directory}/shared`);
    const plan = await planGarbage(placeOn(memory));
    expect(plan).toMatchObject({ job, location: directory, generation: 2, blockedBy: [] });
    expect(reasons(plan)).toEqual({
      "chk-000001": "stays: announced",
      "chk-000002": "stays: newest-generation",
      "chk-000003": "stays: newest-generation",
      "shared/1-0-a": "stays: named",
      "shared/1-0-orphan": "goes: orphan",
      "shared/2-0-b": "stays: newest-generation",
      "shared/.tmp-1-n-x": "goes: temporary",
      "shared/.tmp-2-n-y": "stays: newest-generation",
      "shared/strange": "stays: not-ours",
      "chk-000002/.tmp-1-n-manifest.json.gz": "goes: temporary",
      "commits/000001.json": "stays: in-use",
      "commits/000002.json": "stays: in-use",
      "commits/000003.json": "stays: in-use",
    });
    expect(plan.items.find(({ path }) => path === "shared/1-0-orphan")).toMatchObject({ sizeBytes: 11, kind: "shared-file" });
    expect(plan.items.find(({ path }) => path === "shared/1-0-a")?.because).toBe("named by checkpoint 1");
    expect(await memory.list(`${directory}/shared`)).toEqual(before);
    const swept = await sweepGarbage(placeOn(memory));
    expect(swept.deleted.map(({ path }) => path)).toEqual([
      "shared/1-0-orphan", "shared/.tmp-1-n-x", "chk-000002/.tmp-1-n-manifest.json.gz",
    ]);
    // The running coordinator never noticed.
    const [own] = [await pending.files.writeFile("2-0-c", chunksOf("more"))];
    await pending.complete(manifestOf([kept, own]), [kept, own]);
    await requireSound(memory, { announced: [], subsumed: [], generation: 2 });
  });

  test("rule 11: after a checkpoint was given up, files stay that one under way may still name", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    const files = await add(first, 1, ["1-0-a", "1-0-b"]);
    const second = await storageOn(memory).acquire(job);
    // 4 was begun while 1 was the newest and names what 1 does; 3 is announced first and gives 1 up.
    const slow = await second.begin(2);
    const other = await second.begin(3);
    const late = await second.begin(4);
    await other.complete(manifestOf([]), []);
    await second.subsume(1);
    expect(reasons(await planGarbage(placeOn(memory)))).toMatchObject({
      "shared/1-0-a": "stays: attempt-under-way", "shared/1-0-b": "stays: attempt-under-way", "chk-000004": "stays: newest-generation",
    });
    // Ids only grow: 2 can never be announced now, and nobody restores from 1.
    expect((await sweepGarbage(placeOn(memory))).deleted.map(({ path }) => path)).toEqual(["chk-000002"]);
    await expect(slow.complete(manifestOf([]), [])).rejects.toMatchObject({ code: "CHECKPOINT_FAILED" });
    await slow.abort();
    await late.complete(manifestOf(files), files);
    await second.verifyFile(files[0] as FileReference, "checksums");
  });

  test("given-up checkpoints and slots that crashed in the middle of their deletion, and attempts nobody can finish", async () => {
    const memory = new MemoryFileSystem();
    const faulty = new FaultyFileSystem(memory, ({ operation, path }) =>
      operation === "removeFile" && !path.includes("tmp") ? { kind: "error", error: new StateError("IO", "injected") } : undefined,
    );
    const first = await storageOn(faulty).acquire(job);
    await add(first, 1, ["1-0-a"]);
    await add(first, 3, ["1-0-b"]);
    await expect(first.subsume(1)).rejects.toMatchObject({ code: "IO" });
    await first.begin(4);
    await add(first, 5, ["1-0-c"]);
    const second = await storageOn(memory).acquire(job);
    expect(reasons(await planGarbage(placeOn(memory)))).toMatchObject({
      "chk-000001": "goes: given-up", "chk-000004": "goes: never-announced", "shared/1-0-a": "goes: orphan", "shared/1-0-b": "stays: named",
    });
    await writeDurably(memory, `${directory}/chk-000004/notes.txt`, new Uint8Array(1));
    const swept = await sweepGarbage(placeOn(memory));
    expect(swept.deleted.map(({ path }) => path)).toEqual(["chk-000001", "shared/1-0-a"]);
    expect(reasons(swept.plan)["chk-000004"]).toBe("stays: not-ours");
    expect(second.restorePoint?.id).toBe(5);
    await requireSound(memory, { announced: [], subsumed: [], generation: 2 });
  });

  test("an attempt of the newest coordinator stays although a later one was announced", async () => {
    const memory = new MemoryFileSystem();
    await add(await storageOn(memory).acquire(job), 1, []);
    const second = await storageOn(memory).acquire(job);
    await second.begin(2);
    await add(second, 3, []);
    expect((await sweepGarbage(placeOn(memory))).deleted).toEqual([]);
    expect(reasons(await planGarbage(placeOn(memory)))["chk-000002"]).toBe("stays: newest-generation");
  });

  test("rule 17: what a reader in another directory pinned stays until it lets go", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    const files = await add(first, 1, ["1-0-a"]);
    const pins = new Pins(memory, openPlace(placeOn(memory)).jobDirectory);
    const [checkpoint] = (await first.list()) as [CompletedCheckpoint];
    const pin = await pins.create(checkpoint, files, { job: "fork", location: "/elsewhere", generation: 1 }, () => "n");
    await add(first, 2, ["1-0-b"]);
    await first.subsume(1);
    await storageOn(memory).acquire(job);
    expect((await sweepGarbage(placeOn(memory))).deleted).toEqual([]);
    expect(reasons(await planGarbage(placeOn(memory)))).toMatchObject({ "chk-000001": "stays: pinned", "shared/1-0-a": "stays: named" });
    await memory.removeFile(`${directory}/chk-000001/manifest.json.gz`);
    expect(reasons(await planGarbage(placeOn(memory)))).toMatchObject({ "chk-000001": "stays: pinned", "shared/1-0-a": "stays: pinned" });
    await pins.release(pin);
    expect((await sweepGarbage(placeOn(memory))).deleted.map(({ path }) => path)).toEqual(["chk-000001", "shared/1-0-a"]);
  });

  test("rule 14: the highest attempt keeps its directory, so that its id is not used again", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    await add(first, 1, []);
    const attempt = await first.begin(7);
    const crash = new FaultyFileSystem(memory, faultAt(0, { kind: "crash-before" }, ({ path }) => path.includes("commits")));
    expect(attempt.id).toBe(7);
    await storageOn(crash).acquire(job).catch(() => undefined);
    const second = await storageOn(memory).acquire(job);
    await sweepGarbage(placeOn(memory));
    expect((await storageOn(memory).acquire(job)).highestId).toBe(7);
    expect(second.highestId).toBe(7);
  });
});

describe("what cannot be read", () => {
  const damage: Record<string, (memory: MemoryFileSystem) => Promise<void>> = {
    "a manifest": (memory) => flip(memory, `${directory}/chk-000001/manifest.json.gz`, 300),
    "a missing manifest": (memory) => memory.removeFile(`${directory}/chk-000001/manifest.json.gz`),
    "the newest commit record": (memory) => flip(memory, `${directory}/commits/000003.json`, 200),
    "an old commit record": (memory) => flip(memory, `${directory}/commits/000001.json`, 200),
    "a missing commit record": (memory) => memory.removeFile(`${directory}/commits/000002.json`),
    "a pin": async (memory) => {
      await memory.makeDirectory(`${directory}/pins`);
      await writeDurably(memory, `${directory}/pins/a.json`, new Uint8Array(5));
    },
  };
  test.each(Object.entries(damage))("rule 17: %s: nothing is deleted", async (_, spoil) => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    await add(first, 1, ["1-0-a"]);
    await (await first.begin(2)).files.writeFile("1-0-orphan", chunksOf("never named"));
    await storageOn(memory).acquire(job);
    await spoil(memory);
    const { plan, deleted } = await sweepGarbage(placeOn(memory));
    expect(deleted).toEqual([]);
    expect(plan.blockedBy.length).toBe(1);
    expect(plan.items.filter(({ mayGo }) => mayGo)).toEqual([]);
    expect((await memory.list(`${directory}/shared`)).map(({ name }) => name)).toEqual(["1-0-a", "1-0-orphan"]);
  });

  test("a link in place of shared/ is not followed", async () => {
    const place = await mkdtemp(join(tmpdir(), "tidemark-sweep-"));
    const fileSystem = new NodeFileSystem();
    try {
      const elsewhere = join(place, "elsewhere");
      await fileSystem.makeDirectory(elsewhere);
      await writeDurably(fileSystem, join(elsewhere, "1-precious"), new Uint8Array(1));
      const { directoryCheckpointStorage } = await import("./directory-checkpoint-storage.js");
      const storage = directoryCheckpointStorage({ directory: join(place, "root"), fileSystem });
      await storage.acquire(job);
      await storage.acquire(job);
      await rm(join(place, "root", job, "shared"), { recursive: true });
      await symlink(elsewhere, join(place, "root", job, "shared"));
      const { deleted, plan } = await sweepGarbage({ directory: join(place, "root"), job, fileSystem });
      expect(deleted).toEqual([]);
      expect(plan.blockedBy.map(({ code }) => code)).toEqual(["CHECKPOINT_UNSAFE_NAME"]);
      expect((await fileSystem.list(elsewhere)).length).toBe(1);
    } finally {
      await fileSystem.close();
      await rm(place, { recursive: true });
    }
  });

  test("a deletion that fails stops the sweep and says what is gone", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    for (const name of ["1-0-a", "1-0-b"]) await (await first.begin(name === "1-0-a" ? 1 : 2)).files.writeFile(name, chunksOf("orphan"));
    await storageOn(memory).acquire(job);
    const error = new StateError("DIRECTORY_NOT_WRITABLE", "injected");
    const denied = new FaultyFileSystem(memory, ({ operation, path }) =>
      operation === "removeFile" && path.endsWith("1-0-b") ? { kind: "error", error } : undefined,
    );
    expect(await sweepGarbage(placeOn(denied))).toMatchObject({ deleted: [{ path: "shared/1-0-a" }], failure: error });
    expect((await sweepGarbage(placeOn(memory))).deleted).toMatchObject([{ path: "shared/1-0-b" }]);
  });

  test("a directory that is not the job's is refused", async () => {
    const memory = new MemoryFileSystem();
    await memory.makeDirectory(`${directory}/shared`);
    await writeDurably(memory, `${directory}/shared/1-a`, new Uint8Array(1));
    await expect(sweepGarbage(placeOn(memory))).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
  });
});

test("rules 15, 17: orphans of a crash at every step of a life go; what is announced stays whole", async () => {
  let swept = 0;
  for (let index = 0; ; index += 1) {
    const memory = new MemoryFileSystem();
    const told: Acknowledged = { announced: [], subsumed: [], generation: 0 };
    const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "crash-after" }));
    await live(faulty, memory, told).catch(() => undefined);
    const lease = await storageOn(memory).acquire(job);
    swept += (await sweepGarbage(placeOn(memory))).deleted.length;
    const list = await requireSound(memory, told);
    expect(lease.restorePoint).toEqual(list.at(-1));
    const live2: Acknowledged = { announced: [], subsumed: [], generation: 0 };
    await live(memory, memory, live2, 3);
    await requireSound(memory, live2);
    // After a further takeover only what checkpoints name is left, and the highest id's directory.
    await storageOn(memory).acquire(job);
    await sweepGarbage(placeOn(memory));
    const names = new Set<string>();
    const reader = storageOn(memory).reader(job);
    for (const each of await reader.list()) (await reader.readManifest(each)).files.forEach(({ name }) => names.add(name));
    assert.deepEqual((await memory.list(`${directory}/shared`)).map(({ name }) => name), [...names].sort(), `call ${index}`);
    if (faulty.calls.length <= index) break;
  }
  expect(swept).toBeGreaterThan(100);
});

interface Told {
  readonly completed: CompletedCheckpoint[];
}

/** Coordinators with overlapping checkpoints that name old files as long as a running one may: what the newest announced one named. */
async function coordinate(name: string, own: FileSystem, memory: MemoryFileSystem, random: () => number, told: Told): Promise<void> {
  for (let life = 0; life < 2; life += 1) {
    try {
      const lease = await storageOn(own).acquire(job);
      let chain: FileReference[] = lease.restorePoint === undefined ? [] : [...(await lease.readManifest(lease.restorePoint)).files];
      for (let step = 1; step <= 16; step += 2) {
        const id = lease.highestId + step;
        const [early, late] = [await lease.begin(id), await lease.begin(id + 1)];
        const file = `${lease.generation}-${name}${life}-${id}`;
        const added = [await early.files.addFile(await localFile(memory, file, file), file)];
        const rebased = random() < 0.5 ? added : [...chain, ...added];
        if (random() < 0.8) told.completed.push(await early.complete(manifestOf(rebased), rebased));
        else await early.abort();
        await lease.subsume(1);
        // Begun before the early one was announced, it may go back to what that one no longer names.
        const back = [...chain, ...added];
        told.completed.push(await late.complete(manifestOf(back), back));
        await lease.subsume(1 + Math.floor(random() * 2));
        chain = random() < 0.3 ? added : back;
      }
    } catch (error) {
      const allowed = ["COORDINATOR_FENCED", "IO", "CHECKPOINT_FAILED", "CHECKPOINT_NOT_FOUND"];
      assert.ok(isStateError(error) && allowed.includes(error.code), String(error));
    }
  }
}

async function interleave(seed: number): Promise<number> {
  const random = seeded(seed);
  const memory = new MemoryFileSystem();
  const told: Told = { completed: [] };
  const waiting: { readonly index: number; release(): void }[] = [];
  const asleepUntil = new Map<number, number>();
  const alive = new Set([0, 1, 2]);
  let deleted = 0;
  const process = (index: number, run: (fileSystem: FileSystem) => Promise<void>): Promise<void> => {
    const plan: FaultPlan = () => new Promise((resolve) => waiting.push({ index, release: () => resolve(undefined) }));
    return run(new FaultyFileSystem(memory, plan)).finally(() => alive.delete(index));
  };
  const coordinators = [0, 1].map((index) => process(index, (own) => coordinate(`p${index}`, own, memory, random, told)));
  const sweeper = process(2, async (own) => {
    while (alive.has(0) || alive.has(1)) {
      deleted += (await sweepGarbage(placeOn(own)).catch((error: unknown) => ({ deleted: [], error }))).deleted.length;
    }
  });
  for (let step = 0; alive.size > 0; step += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    const awake = waiting.filter(({ index }) => (asleepUntil.get(index) ?? 0) <= step);
    const ready = awake.length > 0 ? awake : waiting;
    const choice = ready[Math.floor(random() * ready.length)];
    if (choice === undefined) continue;
    if (random() < 0.01) {
      asleepUntil.set(choice.index, step + Math.floor(random() * 600));
      continue;
    }
    waiting.splice(waiting.indexOf(choice), 1);
    choice.release();
    if (step % 40 === 0) await requireSound(memory, { announced: [], subsumed: [], generation: 0 });
  }
  await Promise.all([...coordinators, sweeper]);
  const bySlot = told.completed.sort((a, b) => a.slot - b.slot);
  await requireSound(memory, { announced: bySlot, subsumed: [], generation: 0 });
  return deleted;
}

test("rules 17, 19: sweeping at random beside coordinators that take over never takes what an announced checkpoint names", async () => {
  let deleted = 0;
  for (let seed = 1; seed <= 25; seed += 1) {
    deleted += await interleave(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
  expect(deleted).toBeGreaterThan(25);
});

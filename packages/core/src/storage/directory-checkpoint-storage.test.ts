import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { StateError } from "../errors/index.js";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { writeDurably } from "./create-if-absent.js";
import { directoryCheckpointStorage } from "./directory-checkpoint-storage.js";
import { FaultyFileSystem, type FaultPlan, type FileCall } from "./faulty-file-system.js";
import type { FileReference } from "./manifest.js";
import { encodeManifest } from "./manifest-codec.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { NodeFileSystem } from "./node-file-system.js";
import {
  chunksOf, job, live, localFile, manifestOf, requireOnlyLive, requireSound, root, storageOn,
} from "./scripted-life.test.support.js";

const place = `${root}/${job}`;

async function write(lease: CheckpointLease, name: string): Promise<FileReference> {
  const pending = await lease.begin(highest(lease) + 1);
  const file = await pending.files.writeFile(name, chunksOf(`contents of ${name}`));
  await pending.abort();
  return file;
}

const begun = new WeakMap<CheckpointLease, number>();
function highest(lease: CheckpointLease): number {
  const id = begun.get(lease) ?? lease.highestId;
  begun.set(lease, id + 1);
  return id;
}

async function publish(lease: CheckpointLease, files: readonly FileReference[]): Promise<CompletedCheckpoint> {
  const pending = await lease.begin(highest(lease) + 1);
  return pending.complete(manifestOf(files), files);
}

async function flip(memory: MemoryFileSystem, path: string, offset: number): Promise<void> {
  const content = await memory.readFile(path);
  content[offset] = (content[offset] as number) ^ 1;
  await memory.removeFile(path);
  await writeDurably(memory, path, content);
}

describe("acquire", () => {
  test("refuses a job name that is no safe directory name", async () => {
    for (const name of ["", "..", "a/b", "a b", ".x"]) {
      await expect(storageOn(new MemoryFileSystem()).acquire(name)).rejects.toMatchObject({ code: "INVALID_CONFIGURATION" });
    }
    expect(() => directoryCheckpointStorage({ directory: "", fileSystem: new MemoryFileSystem() })).toThrow("empty");
  });

  test("refuses a directory with other content or of another job, and leaves it alone", async () => {
    const memory = new MemoryFileSystem();
    await memory.makeDirectory(place);
    await writeDurably(memory, `${place}/thesis.txt`, new Uint8Array(3));
    await expect(storageOn(memory).acquire(job)).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
    await expect(storageOn(memory).reader(job).list()).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
    expect(await memory.list(place)).toEqual([{ name: "thesis.txt", kind: "file" }]);
    const other = new MemoryFileSystem();
    await storageOn(other).acquire("other");
    await other.rename(`${root}/other`, place);
    await expect(storageOn(other).acquire(job)).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
    const file = new MemoryFileSystem();
    await writeDurably(file, root, new Uint8Array(1));
    await expect(storageOn(file).acquire(job)).rejects.toMatchObject({ code: "DIRECTORY_NOT_WRITABLE" });
  });

  test("rule 15: refuses a place without hard links", async () => {
    const storage = storageOn(new MemoryFileSystem({ hardLinks: false }));
    await expect(storage.acquire(job)).rejects.toMatchObject({ code: "INVALID_CONFIGURATION" });
  });

  test("rule 14: ids are never used again, not even of a checkpoint that was only begun", async () => {
    const memory = new MemoryFileSystem();
    const first = await storageOn(memory).acquire(job);
    await first.begin(7);
    await expect(first.begin(7)).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
    memory.crash();
    const second = await storageOn(memory).acquire(job);
    expect([second.highestId, second.generation, second.restorePoint]).toEqual([7, 2, undefined]);
    await expect(second.begin(7)).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
  });

  test("a reader of a job that never ran sees nothing and writes nothing", async () => {
    const memory = new MemoryFileSystem();
    expect(await storageOn(memory).reader(job).list()).toEqual([]);
    expect(await memory.list("/")).toEqual([]);
  });
});

describe("files", () => {
  test("rules 11, 13: a name is written once; a file of an aborted checkpoint serves the next one", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const pending = await lease.begin(1);
    const path = await localFile(memory, "a", "aaa");
    const [one, two] = await Promise.all([pending.files.addFile(path, "1-a"), pending.files.addFile(path, "1-a")]);
    expect(two).toBe(one);
    await pending.abort();
    await pending.abort();
    expect(await (await lease.begin(2)).files.addFile(path, "1-a")).toBe(one);
    await expect(pending.complete(manifestOf([]), [])).rejects.toMatchObject({ code: "CHECKPOINT_FAILED" });
    const next = await storageOn(memory).acquire(job);
    await expect((await next.begin(3)).files.addFile(path, "1-a")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect((await next.begin(4)).files.writeFile("1-a", chunksOf("x"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect((await next.begin(5)).files.writeFile("../a", chunksOf("x"))).rejects.toMatchObject({ code: "CHECKPOINT_UNSAFE_NAME" });
  });

  test("rule 15: links that are not possible fall back to a copy", async () => {
    const memory = new MemoryFileSystem();
    for (const errno of ["EXDEV", "EMLINK", "EPERM"]) {
      const error = new StateError("IO", "injected", { details: { errno } });
      const isLocalLink = ({ operation, from }: FileCall): boolean => operation === "link" && from?.startsWith("/local") === true;
      const plan: FaultPlan = (call) => (isLocalLink(call) ? { kind: "error", error } : undefined);
      const lease = await storageOn(new FaultyFileSystem(memory, plan)).acquire(job);
      const file = await (await lease.begin(lease.highestId + 1)).files.addFile(await localFile(memory, errno, "abc"), errno);
      await lease.verifyFile(file, "checksums");
      expect(await lease.list()).toEqual([]);
    }
  });

  test("rule 13: an addFile that was aborted after its link is taken up again", async () => {
    const memory = new MemoryFileSystem();
    const controller = new AbortController();
    const plan: FaultPlan = ({ operation }) => void (operation === "syncFile" && controller.abort(new Error("stop")));
    const lease = await storageOn(new FaultyFileSystem(memory, plan)).acquire(job);
    const path = await localFile(memory, "a", "aaa");
    const { files } = await lease.begin(1);
    await expect(files.addFile(path, "1-a", controller.signal)).rejects.toThrow("stop");
    await lease.verifyFile(await files.addFile(path, "1-a"), "checksums");
  });

  test("a stream that fails leaves nothing", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const { files } = await lease.begin(1);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(3);
      throw new Error("source failed");
    }
    await expect(files.writeFile("1-a", failing())).rejects.toThrow("source failed");
    expect(await memory.list(`${place}/shared`)).toEqual([]);
    await files.writeFile("1-a", chunksOf("again"));
  });
});

describe("complete", () => {
  test("rule 14: refuses files that are missing or differ, and a malformed manifest, before it writes", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const file = await write(lease, "1-a");
    const missing = { ...file, name: "1-b" };
    await expect(publish(lease, [missing])).rejects.toMatchObject({ code: "CHECKPOINT_FILE_MISSING" });
    await expect(publish(lease, [{ ...file, sizeBytes: 1 }])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await flip(memory, `${place}/shared/1-a`, 0);
    const completed = await publish(lease, [file]);
    await lease.verifyFile(file, "sizes");
    await expect(lease.verifyFile(file, "checksums")).rejects.toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED" });
    const pending = await lease.begin(highest(lease) + 1);
    await expect(pending.complete({ ...manifestOf([]), records: -1 }, [])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await lease.list()).toEqual([completed]);
  });

  test("a later checkpoint that completes first ends the earlier one", async () => {
    const lease = await storageOn(new MemoryFileSystem()).acquire(job);
    const [early, late] = [await lease.begin(1), await lease.begin(2)];
    await late.complete(manifestOf([]), []);
    await expect(early.complete(manifestOf([]), [])).rejects.toMatchObject({ code: "CHECKPOINT_FAILED" });
    await early.abort();
    expect((await lease.list()).map(({ id }) => id)).toEqual([2]);
  });

  test("rule 19: after a takeover the old lease can neither announce nor delete, and its abort deletes nothing", async () => {
    const memory = new MemoryFileSystem();
    const old = await storageOn(memory).acquire(job);
    const first = await publish(old, [await write(old, "1-a")]);
    await publish(old, [await write(old, "1-b")]);
    const pending = await old.begin(highest(old) + 1);
    const next = await storageOn(memory).acquire(job);
    await expect(old.subsume(1)).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    await expect(pending.complete(manifestOf([]), [])).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    await expect(old.begin(100)).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    await pending.abort();
    expect((await next.list())[0]).toEqual(first);
  });

  test("rule 15: a failed fsync of the slot's directory ends the lease; the next one finds the checkpoint", async () => {
    const memory = new MemoryFileSystem();
    let isArmed = false;
    const error = new StateError("IO", "injected", { details: { errno: "EIO" } });
    const plan: FaultPlan = ({ operation, path }) =>
      isArmed && operation === "syncDirectory" && path.endsWith("commits") ? { kind: "error", error } : undefined;
    const lease = await storageOn(new FaultyFileSystem(memory, plan)).acquire(job);
    const pending = await lease.begin(1);
    isArmed = true;
    await expect(pending.complete(manifestOf([]), [])).rejects.toMatchObject({ code: "IO", details: { isUnclear: true } });
    isArmed = false;
    await pending.abort();
    await expect(lease.begin(2)).rejects.toMatchObject({ details: { isUnclear: true } });
    const next = await storageOn(memory).acquire(job);
    expect(next.restorePoint?.id).toBe(1);
    await next.readManifest(next.restorePoint as CompletedCheckpoint);
  });
});

describe("subsume", () => {
  test("rules 11, 17: keeps what retained or pending checkpoints may need and deletes the rest", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const [a, b] = [await write(lease, "1-a"), await write(lease, "1-b")];
    await publish(lease, [a, b]);
    const unnamed = await write(lease, "1-unnamed");
    const pending = await lease.begin(highest(lease) + 1);
    await publish(lease, [b]).then(() => undefined);
    // The pending one has the lower id and is over; one begun before the file became unneeded protects it.
    const later = await lease.begin(highest(lease) + 1);
    expect(await lease.subsume(1)).toMatchObject({ deletedFiles: [] });
    await lease.verifyFile(a, "checksums");
    await pending.abort();
    await later.complete(manifestOf([a, b]), [a, b]);
    expect((await lease.subsume(1)).deletedFiles).toEqual(["1-unnamed"]);
    await expect(lease.verifyFile(unnamed, "sizes")).rejects.toMatchObject({ code: "CHECKPOINT_FILE_MISSING" });
    await lease.verifyFile(a, "checksums");
    for (const retain of [0, -1, 1.5, Number.NaN]) {
      await expect(lease.subsume(retain)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  test("rule 11: a file added while a checkpoint ran that did not name it serves the next one", async () => {
    const lease = await storageOn(new MemoryFileSystem()).acquire(job);
    const pending = await lease.begin(1);
    const late = await pending.files.writeFile("1-late", chunksOf("flushed by another checkpoint"));
    await pending.complete(manifestOf([]), []);
    expect((await lease.subsume(1)).deletedFiles).toEqual([]);
    await (await lease.begin(2)).complete(manifestOf([late]), [late]);
    await (await lease.begin(3)).complete(manifestOf([]), []);
    expect((await lease.subsume(1)).deletedFiles).toEqual(["1-late"]);
  });

  test("rule 17: leftovers of a crashed attempt stay until the next lease has announced a checkpoint", async () => {
    const memory = new MemoryFileSystem();
    const old = await storageOn(memory).acquire(job);
    await publish(old, [await write(old, "1-a")]);
    await write(old, "1-orphan");
    const next = await storageOn(memory).acquire(job);
    expect(await next.subsume(1)).toEqual({ deletedCheckpoints: [], deletedFiles: [] });
    await publish(next, [await write(next, "2-a")]);
    expect((await next.subsume(1)).deletedFiles).toEqual(["1-a", "1-orphan"]);
    await requireOnlyLive(memory, next, 1);
  });

  test("rule 17: one unreadable manifest and nothing is deleted", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const ids = [];
    for (const name of ["1-a", "1-b", "1-c"]) {
      ids.push((await publish(lease, [await write(lease, name)])).id);
    }
    for (const id of ids) {
      const path = `${place}/chk-${String(id).padStart(6, "0")}/manifest.json.gz`;
      await flip(memory, path, 200);
      const report = await lease.subsume(1);
      expect(report).toMatchObject({ deletedCheckpoints: [], deletedFiles: [], blockedBy: { code: "CHECKPOINT_DAMAGED" } });
      await flip(memory, path, 200);
    }
    expect((await memory.list(`${place}/shared`)).length).toBe(3);
    expect((await lease.subsume(1)).deletedCheckpoints).toEqual(ids.slice(0, 2));
  });

  test("rules 14, 20: a missing or altered newest manifest, slot or file is reported, never passed over", async () => {
    const memory = new MemoryFileSystem();
    await live(memory, memory, { announced: [], subsumed: [], generation: 0 });
    const reader = storageOn(memory).reader(job);
    const [older, newest] = (await reader.list()) as [CompletedCheckpoint, CompletedCheckpoint];
    const manifest = ({ id }: CompletedCheckpoint): string => `${place}/chk-${String(id).padStart(6, "0")}/manifest.json.gz`;
    const [from, to] = [manifest(older), manifest(newest)];
    const content = await memory.readFile(from);
    const other = encodeManifest({ ...(await reader.readManifest(newest)), records: 8 });
    await memory.removeFile(to);
    await expect(reader.readManifest(newest)).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
    expect((await storageOn(memory).acquire(job)).restorePoint).toEqual(newest);
    for (const replacement of [content, other]) {
      await memory.removeFile(to);
      await writeDurably(memory, to, replacement);
      await expect(reader.readManifest(newest)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    }
    await memory.removeFile(`${place}/commits/${String(older.slot).padStart(6, "0")}.json`);
    await expect(storageOn(memory).reader(job).list()).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
  });

  test("rule 19: the log is pruned but keeps at least 16 slots and stays readable", async () => {
    const memory = new MemoryFileSystem();
    for (let life = 0; life < 4; life += 1) {
      const told = { announced: [], subsumed: [], generation: 0 };
      await live(memory, memory, told);
      await requireSound(memory, told);
    }
    const slots = (await memory.list(`${place}/commits`)).map(({ name }) => Number.parseInt(name, 10));
    expect(slots.length).toBeGreaterThanOrEqual(16);
    expect(slots.length).toBeLessThan(20);
    expect(slots.at(-1)).toBeGreaterThan(30);
  });
});

test("a life on real files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-life-"));
  const fileSystem = new NodeFileSystem();
  try {
    const storage = directoryCheckpointStorage({ directory, fileSystem, clock: { now: () => 5 } });
    const lease = await storage.acquire(job);
    const local = join(directory, "local.sst");
    await writeDurably(fileSystem, local, new Uint8Array(100_000));
    const first = await lease.begin(1);
    const file = await first.files.addFile(local, "1-0-a.sst");
    await first.complete(manifestOf([file]), [file]);
    const second = await lease.begin(2);
    const other = await second.files.writeFile("1-0-b.log", chunksOf("hello world"));
    const completed = await second.complete(manifestOf([other]), [other]);
    expect(await lease.subsume(1)).toEqual({ deletedCheckpoints: [1], deletedFiles: ["1-0-a.sst"] });
    const reader = directoryCheckpointStorage({ directory, fileSystem }).reader(job);
    expect(await reader.list()).toEqual([completed]);
    const manifest = await reader.readManifest(completed);
    await reader.verifyFile(manifest.files[0] as FileReference, "checksums");
    await expect(lease.begin(2)).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
    await fileSystem.rename(reader.pathOf(other), local);
    await symlink(local, reader.pathOf(other));
    await expect(reader.verifyFile(other, "checksums")).rejects.toMatchObject({ code: "CHECKPOINT_UNSAFE_NAME" });
  } finally {
    await fileSystem.close();
    await rm(directory, { recursive: true });
  }
});

import { describe, expect, test } from "vitest";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { writeDurably } from "./create-if-absent.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, requireOnlyLive, root, storageOn } from "./scripted-life.test.support.js";

const place = `${root}/${job}`;

async function publish(lease: CheckpointLease, id: number, shared: readonly string[] = []): Promise<CompletedCheckpoint> {
  const pending = await lease.begin(id);
  const own = await pending.files.writeFile(`${lease.generation}-${id}`, chunksOf(`contents of ${id}`));
  const before = await lease.list();
  const older = before.length === 0 ? [] : (await lease.readManifest(before.at(-1) as CompletedCheckpoint)).files;
  const files = [...older.filter(({ name }) => shared.includes(name)), own];
  return await pending.complete(manifestOf(files), files);
}

async function damage(memory: MemoryFileSystem, path: string): Promise<void> {
  await memory.removeFile(path);
  await writeDurably(memory, path, new Uint8Array(5));
}

async function three(memory: MemoryFileSystem): Promise<CompletedCheckpoint[]> {
  const lease = await storageOn(memory).acquire(job);
  return [await publish(lease, 1), await publish(lease, 2), await publish(lease, 3)];
}

describe("rollBackTo", () => {
  test("rule 20: what came after is given up durably, and its ids stay used", async () => {
    const memory = new MemoryFileSystem();
    const [first] = (await three(memory)) as [CompletedCheckpoint];
    const lease = await storageOn(memory).acquire(job);
    await lease.rollBackTo(first);
    memory.crash();
    const next = await storageOn(memory).acquire(job);
    expect(next.restorePoint).toEqual(first);
    expect(await next.list()).toEqual([first]);
    expect(next.highestId).toBe(3);
    await expect(next.begin(3)).rejects.toMatchObject({ code: "CHECKPOINT_ID" });
    const fourth = await publish(next, 4);
    expect((await storageOn(memory).reader(job).list()).map(({ id }) => id)).toEqual([1, fourth.id]);
  });

  test("going back twice, and to a checkpoint taken after the first time", async () => {
    const memory = new MemoryFileSystem();
    const [first, second] = (await three(memory)) as [CompletedCheckpoint, CompletedCheckpoint];
    const lease = await storageOn(memory).acquire(job);
    await lease.rollBackTo(second);
    const fourth = await publish(lease, 4);
    await publish(lease, 5);
    await lease.rollBackTo(fourth);
    expect(await lease.list()).toEqual([first, second, fourth]);
    await lease.rollBackTo(first);
    expect(await lease.list()).toEqual([first]);
    await expect(lease.rollBackTo(fourth)).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
  });

  test("to the newest one it writes nothing", async () => {
    const memory = new MemoryFileSystem();
    const third = (await three(memory)).at(-1) as CompletedCheckpoint;
    const lease = await storageOn(memory).acquire(job);
    const slots = await memory.list(`${place}/commits`);
    await lease.rollBackTo(third);
    expect(await memory.list(`${place}/commits`)).toEqual(slots);
  });

  test("rule 17: a damaged manifest that was given up does not stop clean-up, and its files go", async () => {
    const memory = new MemoryFileSystem();
    const [first] = (await three(memory)) as [CompletedCheckpoint];
    await damage(memory, `${place}/chk-000003/manifest.json.gz`);
    const lease = await storageOn(memory).acquire(job);
    expect((await lease.subsume(1)).blockedBy).toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    await lease.rollBackTo(first);
    await publish(lease, 4, ["1-1"]);
    const report = await lease.subsume(1);
    expect(report.blockedBy).toBeUndefined();
    expect(report.deletedFiles).toEqual(["1-2", "1-3"]);
    await requireOnlyLive(memory, lease, 1);
  });

  test("rule 19: a fenced coordinator cannot go back", async () => {
    const memory = new MemoryFileSystem();
    const [first] = (await three(memory)) as [CompletedCheckpoint];
    const old = await storageOn(memory).acquire(job);
    await storageOn(memory).acquire(job);
    await expect(old.rollBackTo(first)).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    expect((await storageOn(memory).reader(job).list()).length).toBe(3);
  });

  test("rule 19: the record outlives pruning for as long as one that it gives up is in the log", async () => {
    const memory = new MemoryFileSystem();
    const [first] = (await three(memory)) as [CompletedCheckpoint];
    const lease = await storageOn(memory).acquire(job);
    await lease.rollBackTo(first);
    for (let id = 4; id < 40; id += 1) {
      await publish(lease, id, [`1-1`]);
      await lease.subsume(3);
      const ids = (await storageOn(memory).reader(job).list()).map((each) => each.id);
      expect(ids).not.toContain(2);
      expect(ids).not.toContain(3);
    }
    expect((await storageOn(memory).acquire(job)).highestId).toBe(39);
  });
});

import { expect, test } from "vitest";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, root, storageOn } from "./scripted-life.test.support.js";

async function complete(lease: CheckpointLease, id: number): Promise<CompletedCheckpoint> {
  const pending = await lease.begin(id);
  const file = await pending.files.writeFile(`${lease.generation}-${id}`, chunksOf("contents"));
  return await pending.complete(manifestOf([file]), [file]);
}

const gone = { code: "FOREIGN_DIRECTORY", message: expect.stringContaining("removed or replaced") };

test("rule 19: where the directory was removed, nothing is written: a job that starts there later finds it as new", async () => {
  const memory = new MemoryFileSystem();
  const lease = await storageOn(memory).acquire(job);
  await complete(lease, 1);
  await memory.removeDirectory(root);
  for (const id of [2, 3]) await expect(lease.begin(id)).rejects.toMatchObject(gone);
  await expect(lease.subsume(1)).rejects.toMatchObject(gone);
  expect(await memory.stat(root)).toBeUndefined();
  expect((await storageOn(memory).acquire(job)).restorePoint).toBeUndefined();
});

test("rule 19: where another coordinator began anew, the old one writes nothing, of whatever generation it is", async () => {
  for (const livesBefore of [1, 3]) {
    const memory = new MemoryFileSystem();
    for (let life = 1; life < livesBefore; life += 1) await storageOn(memory).acquire(job);
    const old = await storageOn(memory).acquire(job);
    await complete(old, 1);
    const pending = await old.begin(2);
    const file = await pending.files.writeFile("old-2", chunksOf("contents"));
    await memory.removeDirectory(root);
    const fresh = await storageOn(memory).acquire(job);
    expect(fresh.generation).toBe(1);
    const first = await complete(fresh, 1);
    await expect(old.begin(3)).rejects.toMatchObject(gone);
    await expect(pending.complete(manifestOf([file]), [file])).rejects.toMatchObject({ kind: "restore" });
    await pending.abort();
    await expect(old.subsume(1)).rejects.toMatchObject(gone);
    const second = await complete(fresh, 2);
    expect(await storageOn(memory).reader(job).list()).toEqual([first, second]);
  }
});

test("rule 19: a pending checkpoint does not complete into a directory that was made anew with its files", async () => {
  const memory = new MemoryFileSystem();
  const old = await storageOn(memory).acquire(job);
  const pending = await old.begin(1);
  await memory.removeDirectory(root);
  const fresh = await storageOn(memory).acquire(job);
  await memory.makeDirectory(`${root}/${job}/chk-000001`);
  await expect(pending.complete(manifestOf([]), [])).rejects.toMatchObject(gone);
  await pending.abort();
  expect(await storageOn(memory).reader(job).list()).toEqual([]);
  expect((await complete(fresh, 2)).id).toBe(2);
});

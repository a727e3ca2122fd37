import { describe, expect, test } from "vitest";
import type { CheckpointLease, CompletedCheckpoint, PinOwner } from "./checkpoint-storage.js";
import { writeDurably } from "./create-if-absent.js";
import { FaultyFileSystem, type FileCall } from "./faulty-file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, root, seeded, storageOn } from "./scripted-life.test.support.js";

const place = `${root}/${job}`;
const owner: PinOwner = { job: "fork", location: "/elsewhere", generation: 3 };

async function publish(lease: CheckpointLease, id: number): Promise<CompletedCheckpoint> {
  const pending = await lease.begin(id);
  const file = await pending.files.writeFile(`${lease.generation}-${id}`, chunksOf(`contents of ${id}`));
  return await pending.complete(manifestOf([file]), [file]);
}

describe("pins", () => {
  test("rule 17: a pinned checkpoint and its files stay until the pin is released", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const first = await publish(lease, 1);
    await publish(lease, 2);
    const pin = await storageOn(memory).pin(job, first, owner);
    expect(pin.manifest.files.map(({ name }) => name)).toEqual(["1-1"]);
    memory.crash();
    expect(await lease.subsume(1)).toMatchObject({ deletedCheckpoints: [], deletedFiles: [] });
    // It is given up all the same: its own job does not restore from it.
    expect((await lease.list()).map(({ id }) => id)).toEqual([2]);
    await lease.readManifest(first);
    for (const file of pin.manifest.files) await lease.verifyFile(file, "checksums");
    // A later coordinator honours it too.
    const next = await storageOn(memory).acquire(job);
    await publish(next, 3);
    await next.subsume(1);
    for (const file of pin.manifest.files) await next.verifyFile(file, "checksums");
    await pin.release();
    await pin.release();
    await publish(next, 4);
    expect((await next.subsume(1)).deletedFiles).toContain("1-1");
    expect(await memory.stat(`${place}/chk-000001`)).toBeUndefined();
  });

  test("rule 17: a pin that cannot be read and nothing is deleted", async () => {
    const contents: Uint8Array[] = [new Uint8Array(0), new TextEncoder().encode('{"checksum":"x"}\n')];
    for (const content of contents) {
      const memory = new MemoryFileSystem();
      const lease = await storageOn(memory).acquire(job);
      for (const id of [1, 2, 3]) await publish(lease, id);
      await memory.makeDirectory(`${place}/pins`);
      await writeDurably(memory, `${place}/pins/by-hand.json`, content);
      expect(await lease.subsume(1)).toMatchObject({ deletedFiles: [], blockedBy: { code: "CHECKPOINT_DAMAGED" } });
      expect((await memory.list(`${place}/shared`)).length).toBe(3);
      await memory.removeFile(`${place}/pins/by-hand.json`);
      expect((await lease.subsume(1)).deletedFiles).toEqual(["1-1", "1-2"]);
    }
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    await publish(lease, 1);
    await publish(lease, 2);
    await memory.makeDirectory(`${place}/pins/directory`);
    expect(await lease.subsume(1)).toMatchObject({ blockedBy: { code: "CHECKPOINT_DAMAGED" } });
  });

  test("a checkpoint that is given up cannot be pinned, and no pin stays behind", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const [first, second] = [await publish(lease, 1), await publish(lease, 2)];
    const holding = await storageOn(memory).pin(job, first, owner);
    await lease.subsume(1);
    const late = { ...owner, job: "late" };
    await expect(storageOn(memory).pin(job, first, late)).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
    await holding.release();
    expect(await memory.list(`${place}/pins`)).toEqual([]);
    await expect(storageOn(memory).pin(job, { ...second, manifestSha256: "0".repeat(64) }, late)).rejects.toMatchObject({
      code: "CHECKPOINT_DAMAGED",
    });
  });

  test("a new life of the owner removes the pins of its crashed ones, and only those", async () => {
    const memory = new MemoryFileSystem();
    const lease = await storageOn(memory).acquire(job);
    const first = await publish(lease, 1);
    await storageOn(memory).pin(job, first, { ...owner, generation: 1 });
    await storageOn(memory).pin(job, first, { ...owner, generation: 2 });
    await storageOn(memory).pin(job, first, { ...owner, job: "another", generation: 1 });
    const pin = await storageOn(memory).pin(job, first, owner);
    expect((await memory.list(`${place}/pins`)).length).toBe(2);
    await pin.release();
    expect((await memory.list(`${place}/pins`)).length).toBe(1);
  });

  test("rule 17: pinning beside clean-up at any interleaving: either the pin fails or its files stay", async () => {
    let pinnedCount = 0;
    let refusedCount = 0;
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = seeded(seed);
      const memory = new MemoryFileSystem();
      const waiting: (() => void)[] = [];
      const slowly = (): FaultyFileSystem =>
        new FaultyFileSystem(memory, (_: FileCall) => new Promise((resolve) => waiting.push(() => resolve(undefined))));
      const first = await publish(await storageOn(memory).acquire(job), 1);
      // One coordinator retires the checkpoint; another takes over in between and does the same.
      const retire = async (fileSystem: FaultyFileSystem, id: number): Promise<void> => {
        const lease = await storageOn(fileSystem).acquire(job);
        await publish(lease, id);
        await lease.subsume(1);
      };
      const running = { isOver: false };
      let begin: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const pinning = begun.then(() => storageOn(slowly()).pin(job, first, owner)).catch(() => undefined);
      const beginAt = Math.floor(random() * 220);
      const retiring = [retire(slowly(), 2), retire(slowly(), 3)].map((each) => each.catch(() => undefined));
      const all = Promise.all([pinning, ...retiring]).finally(() => (running.isOver = true));
      for (let step = 0; !running.isOver; step += 1) {
        if (step >= beginAt) begin();
        await new Promise((resolve) => setImmediate(resolve));
        waiting.splice(Math.floor(random() * waiting.length), 1)[0]?.();
      }
      await all;
      const pin = await pinning;
      if (pin === undefined) {
        refusedCount += 1;
        expect(await memory.list(`${place}/pins`), `seed ${seed}`).toEqual([]);
        continue;
      }
      pinnedCount += 1;
      const reader = storageOn(memory).reader(job);
      await reader.readManifest(first).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      for (const file of pin.manifest.files) await reader.verifyFile(file, "checksums");
    }
    expect(Math.min(pinnedCount, refusedCount)).toBeGreaterThan(5);
  });
});

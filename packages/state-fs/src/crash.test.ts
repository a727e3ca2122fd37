import { expect, test } from "vitest";
import { faultAt, FaultyFileSystem, MemoryFileSystem } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import type { FsBackendOptions } from "./index.js";
import { change, dump, MemorySyncFileSystem, openStore } from "./store.test.support.js";

const small = { segmentBytes: 1024, materialise: { minimumBytes: 1_500, ratio: 0.5, segmentsMax: 5 } };

/** What a run was told is safe, and what may be there as well. */
interface Told {
  acknowledged: string;
  attempted: string;
}

const nothing = JSON.stringify([["a", null, [], []], ["b", null, [], []], ["c", null, [], []], null]);

async function batches(fileSystem: FaultyFileSystem, told: Told, count: number): Promise<void> {
  const store = await openStore(fileSystem, { durability: "batch", ...small });
  for (let batch = 0; batch < count; batch += 1) {
    for (let step = 0; step < 6; step += 1) change(store, batch * 6 + step);
    told.attempted = dump(store);
    await store.commit();
    told.acknowledged = told.attempted;
  }
  // Changes behind the last commit are not in a batch: no crash may show them.
  change(store, 0);
  await store.close();
}

async function requireKept(
  memory: MemoryFileSystem,
  options: Omit<FsBackendOptions, "directory">,
  told: Told,
  sync?: MemorySyncFileSystem,
): Promise<void> {
  const store = await openStore(memory, options);
  expect([told.acknowledged, told.attempted]).toContain(dump(store));
  // The store goes on from there.
  change(store, 701);
  await store.commit();
  await sync?.settled();
  const after = dump(store);
  await store.close();
  const again = await openStore(memory, options);
  expect(dump(again)).toBe(after);
  await again.close();
}

test("rule 25, batch: a power cut after any call keeps whole batches and every committed one", { timeout: 120_000 }, async () => {
  const counting = new FaultyFileSystem(new MemoryFileSystem());
  await batches(counting, { acknowledged: nothing, attempted: nothing }, 8);
  expect(counting.calls.some(({ path }) => path.endsWith(".entries")), "materialises").toBe(true);
  expect(counting.calls.filter(({ operation, path }) => operation === "createFile" && path.endsWith(".log")).length).toBeGreaterThan(2);
  for (const isTorn of [false, true]) {
    for (let index = 0; index < counting.calls.length; index += 1) {
      const memory = new MemoryFileSystem();
      const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "crash-after" }));
      const told = { acknowledged: nothing, attempted: nothing };
      await batches(faulty, told, 8).catch((error: unknown) => expect(faulty.isCrashed, String(error)).toBe(true));
      const random = new SeededRandom(index);
      memory.crash(isTorn ? { random: () => random.below(1_000_000) / 1_000_000 } : {});
      await requireKept(memory, { durability: "batch", ...small }, told).catch((error: unknown) => {
        const call = counting.calls[index];
        throw new Error(`crash after call ${index} (torn: ${isTorn}): ${call?.operation} ${call?.path}`, { cause: error });
      });
    }
  }
});

async function writes(memory: FaultyFileSystem, sync: MemorySyncFileSystem, told: Told): Promise<void> {
  const store = await openStore(memory, { durability: "every-write", syncFileSystem: sync, ...small });
  for (let step = 0; step < 30; step += 1) {
    const shadow = await shadowAfter(step);
    told.attempted = shadow;
    change(store, step);
    await sync.settled();
    if (sync.isCrashed) throw new Error("crashed");
    told.acknowledged = shadow;
    if (step % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await store.close();
}

const shadows: string[] = [];

/** What a store holds after steps 0 to `step`. */
async function shadowAfter(step: number): Promise<string> {
  if (shadows.length === 0) {
    const store = await openStore(new MemoryFileSystem(), {});
    for (let done = 0; done < 30; done += 1) {
      change(store, done);
      shadows.push(dump(store));
    }
    await store.close();
  }
  return shadows[step] as string;
}

test("rule 25, every-write: a power cut after any call keeps every change whose call returned", { timeout: 120_000 }, async () => {
  const memory = new MemoryFileSystem();
  const counting = new FaultyFileSystem(memory);
  const sync = new MemorySyncFileSystem(memory);
  await writes(counting, sync, { acknowledged: nothing, attempted: nothing });
  expect(counting.calls.some(({ path }) => path.endsWith(".entries")), "materialises").toBe(true);
  const crashAt = async (callIndex: number, syncIndex: number): Promise<void> => {
    const target = new MemoryFileSystem();
    const plan = faultAt(callIndex, { kind: "crash-after" });
    // One process: when a blocking call dies, so does what runs in the background.
    const faulty: FaultyFileSystem = new FaultyFileSystem(target, (call) => (crashing.isCrashed ? { kind: "crash-before" } : plan(call)));
    const crashing = new MemorySyncFileSystem(target, syncIndex, faulty);
    const told = { acknowledged: nothing, attempted: nothing };
    await writes(faulty, crashing, told).catch((error: unknown) => {
      expect(faulty.isCrashed || crashing.isCrashed, String(error)).toBe(true);
    });
    await crashing.settled();
    target.crash();
    const survivor = new MemorySyncFileSystem(target);
    await requireKept(target, { durability: "every-write", syncFileSystem: survivor, ...small }, told, survivor);
  };
  for (let index = 0; index < counting.calls.length; index += 1) await crashAt(index, Infinity);
  for (let index = 0; index < sync.calls; index += 1) await crashAt(Infinity, index);
});

import { expect, test } from "vitest";
import type { CheckpointLease } from "./checkpoint-storage.js";
import type { FileReference } from "./manifest.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, manifestOf, seeded, storageOn } from "./scripted-life.test.support.js";

/** Publishes a checkpoint of subtasks that each go on from a chain, with one base file a chain. */
async function publish(lease: CheckpointLease, id: number, chains: readonly string[], bases: Map<string, FileReference>): Promise<void> {
  const pending = await lease.begin(id);
  for (const chain of chains) {
    if (!bases.has(chain)) bases.set(chain, await pending.files.writeFile(`base-${chain}`, chunksOf(`base of ${chain}`)));
  }
  const files = chains.map((chain) => bases.get(chain) as FileReference);
  const share = 128 / chains.length;
  const subtasks = chains.map((chain, subtask) => ({
    subtask,
    keyed: {
      backend: "memory",
      keyGroups: [subtask * share, (subtask + 1) * share - 1] as const,
      files: [`base-${chain}`],
      description: null,
      chain: { id: chain, base: [`base-${chain}`] },
    },
  }));
  const operators = [{ id: "count", parallelism: chains.length, subtasks }];
  await pending.complete({ ...manifestOf([]), operators }, files);
}

async function idsOf(lease: CheckpointLease): Promise<number[]> {
  return (await lease.list()).map(({ id }) => id);
}

test("rule 18: the last checkpoint of the chain before stays until the new base was read back", async () => {
  const lease = await storageOn(new MemoryFileSystem()).acquire(job);
  const bases = new Map<string, FileReference>();
  // The first chain has none before it, so `retain` alone counts.
  for (const id of [1, 2, 3, 4]) await publish(lease, id, ["a"], bases);
  await lease.subsume(2);
  expect(await idsOf(lease)).toEqual([3, 4]);
  for (const id of [5, 6, 7]) await publish(lease, id, ["b"], bases);
  expect((await lease.subsume(2)).deletedFiles).toEqual([]);
  expect(await idsOf(lease)).toEqual([4, 5, 6, 7]);
  lease.chainVerified("b");
  expect((await lease.subsume(2)).deletedFiles).toEqual(["base-a"]);
  expect(await idsOf(lease)).toEqual([6, 7]);
});

test("rule 18: with several subtasks, the newest checkpoint that needs no unread base stays", async () => {
  const lease = await storageOn(new MemoryFileSystem()).acquire(job);
  const bases = new Map<string, FileReference>();
  const history = [["a1", "b1"], ["a1", "b1"], ["a2", "b1"], ["a2", "b2"], ["a2", "b2"]];
  for (const [index, chains] of history.entries()) await publish(lease, index + 1, chains, bases);
  await lease.subsume(1);
  expect(await idsOf(lease)).toEqual([2, 3, 4, 5]);
  lease.chainVerified("a2");
  await lease.subsume(1);
  expect(await idsOf(lease)).toEqual([3, 4, 5]);
  lease.chainVerified("b2");
  await lease.subsume(1);
  expect(await idsOf(lease)).toEqual([5]);
});

test("rule 18: at random, a checkpoint that needs no unread base of the newest one is never deleted while there is no other", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seeded(seed);
    const lease = await storageOn(new MemoryFileSystem()).acquire(job);
    const bases = new Map<string, FileReference>();
    const published: string[][] = [];
    const verified = new Set<string>();
    let next = 0;
    let chains = [`${next++}`, `${next++}`];
    for (let id = 1; id <= 20; id += 1) {
      if (random() < 0.4) chains = chains.map((chain) => (random() < 0.5 ? chain : `${next++}`));
      if (random() < 0.3) {
        const chain = chains[Math.floor(random() * 2)] as string;
        verified.add(chain);
        lease.chainVerified(chain);
      }
      await publish(lease, id, chains, bases);
      published.push(chains);
      const before = await idsOf(lease);
      const retain = 1 + Math.floor(random() * 3);
      await lease.subsume(retain);
      const kept = await idsOf(lease);
      const unread = chains.filter((chain) => !verified.has(chain));
      const isIndependent = (each: number): boolean => !published[each - 1]?.some((chain) => unread.includes(chain));
      expect(kept.length, `seed ${seed}`).toBeGreaterThanOrEqual(Math.min(retain, before.length));
      if (before.some(isIndependent)) expect(kept.some(isIndependent), `seed ${seed}, checkpoint ${id}`).toBe(true);
      // No more than needed either.
      if (unread.length === 0) expect(kept.length, `seed ${seed}`).toBe(Math.min(retain, before.length));
    }
  }
});

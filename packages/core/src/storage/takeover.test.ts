import assert from "node:assert/strict";
import { expect, test } from "vitest";
import { isStateError } from "../errors/index.js";
import type { CheckpointLease, CompletedCheckpoint } from "./checkpoint-storage.js";
import { FaultyFileSystem, type FaultPlan } from "./faulty-file-system.js";
import type { FileReference } from "./manifest.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { chunksOf, job, localFile, manifestOf, requireSound, seeded, storageOn } from "./scripted-life.test.support.js";

interface Lease {
  readonly generation: number;
  readonly restorePoint: CompletedCheckpoint | undefined;
}

/** What coordinators were told, all processes together. */
interface History {
  readonly completed: CompletedCheckpoint[];
  readonly leases: Lease[];
  fencedCount: number;
}

/** One coordinator after the other in one process; each works until it is fenced or done. */
async function run(name: string, own: FaultyFileSystem, memory: MemoryFileSystem, random: () => number, history: History): Promise<void> {
  for (let life = 0; life < 2; life += 1) {
    try {
      const lease = await storageOn(own).acquire(job);
      history.leases.push({ generation: lease.generation, restorePoint: lease.restorePoint });
      await checkpoints(`${name}${life}`, lease, memory, random, history);
    } catch (error) {
      // IO and CHECKPOINT_NOT_FOUND: a newer coordinator removed a directory or manifest under our hands, outside complete().
      const allowed = ["COORDINATOR_FENCED", "IO", "CHECKPOINT_FAILED", "CHECKPOINT_NOT_FOUND"];
      assert.ok(isStateError(error) && allowed.includes(error.code), String(error));
      history.fencedCount += 1;
    }
  }
}

async function checkpoints(
  name: string,
  lease: CheckpointLease,
  memory: MemoryFileSystem,
  random: () => number,
  history: History,
): Promise<void> {
  let chain: FileReference[] = lease.restorePoint === undefined ? [] : [...(await lease.readManifest(lease.restorePoint)).files];
  for (let step = 1; step <= 14; step += 1) {
    const id = lease.highestId + step;
    const pending = await lease.begin(id);
    const file = `${lease.generation}-${name}-${id}`;
    const added = [
      await pending.files.addFile(await localFile(memory, file, file), `${file}.sst`),
      await pending.files.writeFile(`${file}.log`, chunksOf(`log of ${file}`)),
    ];
    chain = random() < 0.3 ? added : [...chain, ...added];
    if (random() < 0.15) {
      await pending.abort();
    } else {
      history.completed.push(await pending.complete(manifestOf(chain), chain));
      await lease.subsume(1 + Math.floor(random() * 2));
    }
  }
}

/** Lets one call of one process through at a time, in an order from the seed; now and then a process sleeps for long. */
async function interleave(seed: number): Promise<{ memory: MemoryFileSystem; history: History }> {
  const random = seeded(seed);
  const memory = new MemoryFileSystem();
  const history: History = { completed: [], leases: [], fencedCount: 0 };
  const waiting: { readonly index: number; release(): void }[] = [];
  const asleepUntil = new Map<number, number>();
  const processesAlive = new Set([0, 1, 2]);
  const processes = [0, 1, 2].map(async (index) => {
    const plan: FaultPlan = () => new Promise((resolve) => waiting.push({ index, release: () => resolve(undefined) }));
    await run(`p${index}`, new FaultyFileSystem(memory, plan), memory, random, history).finally(() => processesAlive.delete(index));
  });
  const all = Promise.all(processes);
  for (let step = 0; processesAlive.size > 0; step += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    const awake = waiting.filter(({ index }) => (asleepUntil.get(index) ?? 0) <= step);
    const ready = awake.length > 0 ? awake : waiting;
    const choice = ready[Math.floor(random() * ready.length)];
    if (choice === undefined) {
      continue;
    }
    if (random() < 0.01) {
      asleepUntil.set(choice.index, step + Math.floor(random() * 2_500));
      continue;
    }
    waiting.splice(waiting.indexOf(choice), 1);
    choice.release();
    if (step % 50 === 0) {
      await requireNewestWhole(memory);
    }
  }
  await all;
  return { memory, history };
}

/** Nothing else runs meanwhile: what can be restored right now must be whole. */
async function requireNewestWhole(memory: MemoryFileSystem): Promise<void> {
  const reader = storageOn(memory).reader(job);
  for (const checkpoint of await reader.list()) {
    const manifest = await reader.readManifest(checkpoint);
    for (const file of manifest.files) {
      await reader.verifyFile(file, "checksums");
    }
  }
}

test("rule 19: coordinators taking over from each other at random never both win, and a fenced one deletes nothing", async () => {
  let fencedCount = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    try {
      const { memory, history } = await interleave(seed);
      fencedCount += history.fencedCount;
      const bySlot = [...history.completed].sort((a, b) => a.slot - b.slot);
      expect(new Set(bySlot.map(({ slot }) => slot)).size).toBe(bySlot.length);
      for (const [index, checkpoint] of bySlot.entries()) {
        const before = bySlot[index - 1] ?? { generation: 0, id: 0 };
        expect(checkpoint.generation).toBeGreaterThanOrEqual(before.generation);
        expect(checkpoint.id).toBeGreaterThan(before.id);
      }
      expect(new Set(history.leases.map(({ generation }) => generation)).size).toBe(history.leases.length);
      for (const { generation, restorePoint } of history.leases) {
        const earlier = bySlot.filter((checkpoint) => checkpoint.generation < generation).map(({ id }) => id);
        expect(restorePoint?.id ?? 0).toBeGreaterThanOrEqual(Math.max(0, ...earlier));
      }
      await requireSound(memory, { announced: bySlot, subsumed: [], generation: 0 });
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(fencedCount).toBeGreaterThan(30);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isStateError, StateError } from "@tidemark/core";
import { FaultyFileSystem, type FileOperation, NodeFileSystem } from "@tidemark/core/storage";
import { SeededRandom } from "@tidemark/core/testing";
import { afterAll, expect, test } from "vitest";
import { isThorough, seed } from "./extent.js";
import { requireContinues, requireSound } from "./soundness.js";
import { StateLife } from "./state-life.js";
import { expectedAfter } from "./steps.js";

const inner = new NodeFileSystem();
afterAll(async () => await inner.close());

/** Calls that need space. An fsync may find that there is none too; then the bytes are lost, which is another test. */
const spaceTaking: ReadonlySet<FileOperation> = new Set<FileOperation>([
  "createFile", "write", "link", "rename", "copyFile", "copyHashed", "makeDirectory",
]);

/** A disk that is full from the n-th call on that needs space, until it is emptied. */
class Disk {
  readonly fileSystem: FaultyFileSystem;
  failed = 0;
  calls = 0;
  #state: "roomy" | "full" | "emptied" = "roomy";

  constructor(fullFrom: number, isTorn: boolean) {
    this.fileSystem = new FaultyFileSystem(inner, ({ operation, path }) => {
      if (!spaceTaking.has(operation)) return undefined;
      if (this.#state === "roomy" && this.calls++ === fullFrom) this.#state = "full";
      if (this.#state !== "full") return undefined;
      this.failed += 1;
      const error = new StateError("NO_SPACE", `no space left to ${operation} ${path}`, { details: { errno: "ENOSPC" } });
      return { kind: isTorn ? "partial-write" : "error", error };
    });
  }

  empty(): void {
    if (this.#state === "full") this.#state = "emptied";
  }
}

/** Lives with 1, 2 and 1 subtasks; whatever fails for want of space is done again once there is some. How often that was. */
async function livesOn(disk: Disk, directory: string, acknowledged: number[]): Promise<number> {
  const place = { directory, fileSystem: disk.fileSystem };
  let failures = 0;
  const again = async <T>(action: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await action();
      } catch (error) {
        const isFull = isStateError(error) && error.code === "NO_SPACE";
        if (!isFull || disk.failed === 0 || failures > 0) throw error;
        failures += 1;
        disk.empty();
      }
    }
  };
  for (const parallelism of [1, 2, 1]) {
    const life = await again(() => StateLife.begin(place, { parallelism }));
    for (let count = 0; count < 3; count += 1) {
      life.apply(60);
      const completed = await again(() => life.checkpoint(() => life.apply(30)));
      acknowledged.push(completed.id);
      await again(() => life.subsume(completed));
    }
    const { steps } = life;
    expect(life.contents()).toBe(expectedAfter(steps));
    await life.close();
  }
  return failures;
}

async function fullFrom(call: number, isTorn: boolean): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-full-"));
  const disk = new Disk(call, isTorn);
  const acknowledged: number[] = [];
  const failures = await livesOn(disk, directory, acknowledged);
  expect(failures).toBeLessThanOrEqual(disk.failed);
  await requireSound({ directory, fileSystem: inner }, acknowledged);
  await requireContinues({ directory, fileSystem: inner });
  await rm(directory, { recursive: true, force: true });
  return disk;
}

test("rules 11, 15: a disk that is full at any call is NO_SPACE; with room again the same life goes on", { timeout: 600_000 }, async () => {
  const { calls } = await fullFrom(Infinity, false);
  expect(calls).toBeGreaterThan(100);
  const runs = isThorough ? 60 : 6;
  const random = new SeededRandom(seed);
  let failed = 0;
  for (let run = 0; run < runs; run += 1) {
    const call = Math.floor(((run + random.below(1_000) / 1_000) * calls) / runs);
    const disk = await fullFrom(call, run % 2 === 1).catch((error: unknown) => {
      throw new Error(`seed ${seed}: full from call ${call} of ${calls}`, { cause: error });
    });
    failed += Math.min(1, disk.failed);
  }
  expect(failed).toBeGreaterThan(runs - 3);
});

test("rule 25: a table whose fsync failed is in no checkpoint of this life, which says why; the next life has everything", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-full-"));
  const error = new StateError("NO_SPACE", "no space left to sync", { details: { errno: "ENOSPC" } });
  let isArmed = false;
  const fileSystem = new FaultyFileSystem(inner, ({ operation }) => {
    if (!isArmed || operation !== "syncFile") return undefined;
    isArmed = false;
    return { kind: "error", error };
  });
  const life = await StateLife.begin({ directory, fileSystem });
  life.apply(60);
  const { id } = await life.checkpoint();
  life.apply(60);
  isArmed = true;
  for (let attempt = 0; attempt < 3; attempt += 1) await expect(life.checkpoint()).rejects.toBe(error);
  await life.close();
  await requireSound({ directory, fileSystem: inner }, [id]);
  await requireContinues({ directory, fileSystem: inner });
  await rm(directory, { recursive: true, force: true });
});

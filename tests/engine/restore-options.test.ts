import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { job, type Job, type RestoreOptions } from "@tidemark/core";
import { collectSink } from "@tidemark/core/connectors";
import { memoryBackend } from "@tidemark/state-memory";
import { describe, expect, test } from "vitest";
import { Counting, errorOf, expected, until } from "./counting.js";
import { silentLogger } from "./scratch.js";

describe("restore options", () => {
  test("claiming fences the job that took the checkpoint", async () => {
    const source = await Counting.create();
    const running = source.job(memoryBackend()).start();
    source.source.release(30);
    await until(running, () => running.metrics().records === 30);
    const taken = await running.triggerCheckpoint();
    const heir = await Counting.create();
    heir.output.push(...source.output);
    const from = { directory: join(source.directory, "checkpoints") };
    const result = await heir.run(memoryBackend(), { from, mode: "claim" });
    expect(result).toMatchObject({ records: 100, restored: { checkpoint: taken.id } });
    expect(heir.output).toEqual(expected);
    expect((await errorOf(running.triggerCheckpoint())).code).toBe("COORDINATOR_FENCED");
    expect((await errorOf(running.finished)).code).toBe("COORDINATOR_FENCED");
  });

  test("a claim that cannot succeed leaves the other job alone", async () => {
    const source = await Counting.create();
    const running = source.job(memoryBackend()).start();
    source.source.release(30);
    await until(running, () => running.metrics().records === 30);
    await running.triggerCheckpoint();
    const heir = await Counting.create();
    const restore = { from: { directory: join(source.directory, "checkpoints") }, mode: "claim" } as const;
    expect((await errorOf(heir.run(memoryBackend(), restore, { maxParallelism: 7 }))).code).toBe("MAX_PARALLELISM_MISMATCH");
    await running.triggerCheckpoint();
    expect((await running.stop()).status).toBe("stopped");
  });

  test("without claiming, the job that took the checkpoint goes on", async () => {
    const source = await Counting.create();
    const running = source.job(memoryBackend()).start();
    source.source.release(30);
    await until(running, () => running.metrics().records === 30);
    await running.triggerCheckpoint();
    const heir = await Counting.create();
    heir.output.push(...source.output);
    await heir.run(memoryBackend(), { from: { directory: join(source.directory, "checkpoints") } });
    await running.triggerCheckpoint();
    await running.triggerCheckpoint();
    await running.stop();
  });

  test("a directory without such a job is not touched", async () => {
    const counting = await Counting.create();
    for (const mode of ["claim", "no-claim"] as const) {
      const from = { directory: join(counting.directory, "nothing") };
      expect((await errorOf(counting.run(memoryBackend(), { from, mode }))).code).toBe("CHECKPOINT_NOT_FOUND");
    }
    expect(await readdir(counting.directory)).toEqual(["checkpoints"]);
  });

  test("state of an operator that is gone is refused, or dropped where that is allowed", async () => {
    const counting = await Counting.create();
    await counting.checkpoints(memoryBackend(), 1);
    const without = (): Job =>
      job("counting", (env) => env.source("numbers", counting.source.source()).map(String).sink("out", collectSink([])), {
        backend: memoryBackend(),
        checkpoint: { directory: join(counting.directory, "checkpoints") },
        logger: silentLogger,
      });
    const refused = await errorOf(without().run());
    expect(refused.code).toBe("STATE_NOT_RESTORED");
    expect(refused.message).toContain("allowNonRestoredState: true");
    const refusedSink = await errorOf(without().run({ restore: { allowNonRestoredState: true } }));
    // The state may go; the sink's own array is another one, which it says.
    expect(refusedSink.code).toBe("CHECKPOINT_DAMAGED");
  });

  test("wrong ones are refused before anything runs", async () => {
    const counting = await Counting.create();
    const bad = [
      { from: 0 },
      { from: 1.5 },
      { from: "x" },
      { from: null },
      { from: { directory: "" } },
      { from: { directory: "d", job: "" } },
      { from: { directory: "d", checkpoint: -1 } },
      { from: { directory: "d", chk: 1 } },
      { mode: "claim" },
      { from: { directory: "d" }, mode: "steal" },
      { verify: "none" },
      { onDamaged: "ignore" },
      { allowDuplicates: 1 },
      { allowNonRestoredState: "yes" },
      { unknown: 1 },
    ] as unknown as RestoreOptions[];
    for (const restore of bad) {
      expect(() => counting.job(memoryBackend(), { restore }), JSON.stringify(restore)).toThrow(
        expect.objectContaining({ code: "INVALID_CONFIGURATION" }),
      );
      expect(() => counting.job(memoryBackend()).start({ restore }), JSON.stringify(restore)).toThrow(
        expect.objectContaining({ code: "INVALID_CONFIGURATION" }),
      );
    }
    const directory = join(counting.directory, "checkpoints");
    for (const rate of [{ uploadBytesPerSecond: 0 }, { verifyBytesPerSecond: -1 }, { verifyBytesPerSecond: Number.NaN }]) {
      expect(() => counting.job(memoryBackend(), { checkpoint: { directory, ...rate } }), JSON.stringify(rate)).toThrow(
        expect.objectContaining({ code: "INVALID_CONFIGURATION" }),
      );
    }
    expect(await readdir(counting.directory)).toEqual([]);
  });
});

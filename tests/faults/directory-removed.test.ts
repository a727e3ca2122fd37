import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CheckpointReport, JobExecution } from "@tidemark/core";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { describe, expect, test } from "vitest";
import { tidemarkHere } from "../cli/made-checkpoints.js";
import { Counting, errorOf, expected, until } from "../engine/counting.js";

interface Running {
  readonly counting: Counting;
  readonly checkpoints: string;
  readonly running: JobExecution;
  readonly backend: ReturnType<typeof rocksdbBackend>;
  /** A checkpoint after ten more numbers. */
  readonly next: () => Promise<CheckpointReport>;
}

/** A job that took a checkpoint. */
async function start(): Promise<Running> {
  const counting = await Counting.create();
  const backend = rocksdbBackend({ directory: join(counting.directory, "state"), memoryBudgetBytes: 4 * 1024 * 1024 });
  const running = counting.job(backend).start();
  let records = 0;
  const next = async (): Promise<CheckpointReport> => {
    counting.source.release(10);
    records += 10;
    await until(running, () => running.metrics().records === records);
    return await running.triggerCheckpoint();
  };
  await next();
  return { counting, checkpoints: join(counting.directory, "checkpoints"), running, backend, next };
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

describe("a checkpoint directory that is taken away while the job runs", () => {
  test("checkpoints fail and say so, nothing is made in its place; put back, the next adds only what changed", async () => {
    const { counting, checkpoints, running, backend, next } = await start();
    await rename(checkpoints, `${checkpoints}-aside`);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error = await errorOf(next());
      expect(error.code).toBe("FOREIGN_DIRECTORY");
      expect(error.message).toContain(checkpoints);
      expect(error.message).toContain("removed or replaced while the job ran");
    }
    expect(await isThere(checkpoints)).toBe(false);
    await rename(`${checkpoints}-aside`, checkpoints);
    const report = await next();
    expect(report.newBytes).toBeLessThan(report.totalBytes);
    await running.stop();
    expect((await counting.run(backend, {})).restoredFrom).toBeGreaterThan(report.id);
    expect(counting.output).toEqual(expected);
    expect(await tidemarkHere(["checkpoint", "verify", checkpoints])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("for good: a job that is started there anew has a first checkpoint that is complete, which the old one leaves alone", async () => {
    const { counting, checkpoints, running, backend, next } = await start();
    await rm(checkpoints, { recursive: true });
    await mkdir(checkpoints);
    expect((await errorOf(next())).code).toBe("FOREIGN_DIRECTORY");
    const fresh = new Counting(counting.directory);
    const again = fresh.job(backend).start();
    fresh.source.release(50);
    await until(again, () => again.metrics().records === 50);
    expect(again.metrics().restoredFrom).toBeUndefined();
    const report = await again.triggerCheckpoint();
    expect(report.newBytes).toBe(report.totalBytes);
    expect((await errorOf(next())).code).toBe("FOREIGN_DIRECTORY");
    expect((await errorOf(running.stop())).code).toBe("FOREIGN_DIRECTORY");
    await again.stop();
    expect(await tidemarkHere(["checkpoint", "verify", checkpoints])).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await fresh.run(backend, {})).restoredFrom).toBeGreaterThan(report.id);
    expect(fresh.output).toEqual(expected);
  });

  test("only its files: checkpoints fail and name one", async () => {
    const { counting, running, next } = await start();
    await rm(join(counting.folder, "shared"), { recursive: true });
    await mkdir(join(counting.folder, "shared"));
    const error = await errorOf(next());
    expect(error.code).toBe("CHECKPOINT_FILE_MISSING");
    expect(error.message).toMatch(/shared\/\S+\.(sst|json\.gz) is not there/);
    expect((await errorOf(running.stop())).code).toBe("CHECKPOINT_FILE_MISSING");
  });
});

import { createHash } from "node:crypto";
import { cp, open, readdir, readFile, rename, truncate } from "node:fs/promises";
import { join, relative } from "node:path";
import { type JobOptions, StateError } from "@tidemark/core";
import { NodeFileSystem } from "@tidemark/core/storage";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { expect, onTestFinished, test } from "vitest";
import { Counting } from "./counting.js";

/** Checkpoints are on another disk: nothing can be linked from there. Counts what is copied from there instead. */
class TwoDisks extends NodeFileSystem {
  copied = 0;
  readonly #checkpoints: string;

  constructor(checkpoints: string) {
    super();
    this.#checkpoints = checkpoints;
    onTestFinished(() => this.close());
  }

  override async link(from: string, to: string): Promise<void> {
    if (relative(this.#checkpoints, from).startsWith("..") !== relative(this.#checkpoints, to).startsWith("..")) {
      throw new StateError("IO", "two disks", { details: { errno: "EXDEV" } });
    }
    await super.link(from, to);
  }

  override async copyHashed(from: string, to: string, signal?: AbortSignal): Promise<string> {
    if (!relative(this.#checkpoints, from).startsWith("..")) this.copied += 1;
    return await super.copyHashed(from, to, signal);
  }
}

class Lives {
  readonly counting: Counting;
  readonly working: string;
  readonly #state: string;

  private constructor(counting: Counting) {
    this.counting = counting;
    this.#state = join(counting.directory, "state");
    this.working = join(this.#state, counting.name);
  }

  static async create(): Promise<Lives> {
    return new Lives(await Counting.create());
  }

  options(restore: JobOptions["restore"] = {}): { readonly disks: TwoDisks; readonly extra: Partial<JobOptions> } {
    const disks = new TwoDisks(join(this.counting.directory, "checkpoints"));
    return { disks, extra: { fileSystem: disks, restore } };
  }

  backend(): ReturnType<typeof rocksdbBackend> {
    return rocksdbBackend({ directory: this.#state, memoryBudgetBytes: 4 * 2 ** 20, deltaRatio: 1_000 });
  }

  /** A life of 30 numbers and three checkpoints, killed: its directory stays as it was. Returns that. */
  async killed(): Promise<string> {
    const { extra } = this.options();
    const running = this.counting.job(this.backend(), extra).start();
    for (let step = 1; step <= 3; step += 1) {
      this.counting.source.release(10);
      await expect.poll(() => running.metrics().records).toBe(step * 10);
      await running.triggerCheckpoint();
    }
    const [name = ""] = await readdir(this.working);
    const kept = join(this.counting.directory, "kept");
    await cp(join(this.working, name), kept, { recursive: true });
    // Stopping takes a checkpoint of the same state, which adds no file.
    await running.stop();
    const root = join(this.working, name);
    await rename(kept, root);
    return root;
  }

  /** What the last ten numbers gave. */
  lastLines(): string[] {
    return this.counting.output.slice(-10).sort();
  }

  /** The next life: reads ten numbers more and ends. Returns how many files it copied from the checkpoint, and its last ten lines. */
  async next(restore: JobOptions["restore"] = {}): Promise<{ readonly copied: number; readonly last: readonly string[] }> {
    const { disks, extra } = this.options(restore);
    const running = this.counting.job(this.backend(), extra).start();
    this.counting.source.release(40);
    this.counting.source.end();
    const result = await running.finished;
    expect(result.restoredFrom).toBeDefined();
    return { copied: disks.copied, last: this.lastLines() };
  }
}

const right = Array.from({ length: 10 }, (_, digit) => `${digit}: 4`);

async function tablesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true });
  const tables = entries.filter((name) => name.endsWith(".sst")).map((name) => join(root, name));
  expect(tables.length).toBeGreaterThan(0);
  return tables;
}

/** Files by their content. */
async function contentsOf(paths: readonly string[]): Promise<Set<string>> {
  return new Set(await Promise.all(paths.map(async (path) => createHash("sha256").update(await readFile(path)).digest("hex"))));
}

test("local recovery: what a killed life left is linked instead of copied, and removed afterwards", async () => {
  for (const restore of [{}, { verify: "checksums" as const }]) {
    const lives = await Lives.create();
    const left = await contentsOf(await tablesIn(await lives.killed()));
    const wanted = await contentsOf(await tablesIn(join(lives.counting.directory, "checkpoints")));
    const missing = [...wanted].filter((content) => !left.has(content)).length;
    const { copied, last } = await lives.next(restore);
    // RocksDB rewrites a file of the last level once nothing needs its sequence numbers: then the checkpoint alone has it as it was.
    expect(wanted.size).toBe(3);
    expect(missing).toBeLessThan(2);
    expect(copied).toBe(missing);
    expect(last).toEqual(right);
    expect(await readdir(lives.working)).toEqual([]);
  }
});

test("local recovery: with nothing there, the checkpoint is copied", async () => {
  const lives = await Lives.create();
  await rename(await lives.killed(), join(lives.working, "another-0-1-aa"));
  const { copied, last } = await lives.next();
  expect(copied).toBeGreaterThan(0);
  expect(last).toEqual(right);
  // Another operator's, for all that is known.
  expect(await readdir(lives.working)).toEqual(["another-0-1-aa"]);
});

test("local recovery: a damaged or half-written file is not taken", async () => {
  const harm: readonly ((path: string) => Promise<void>)[] = [
    async (path) => {
      const file = await open(path, "r+");
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, 20);
      await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, 20);
      await file.close();
    },
    async (path) => await truncate(path, 100),
  ];
  for (const spoil of harm) {
    const lives = await Lives.create();
    for (const path of await tablesIn(await lives.killed())) await spoil(path);
    const { copied, last } = await lives.next();
    expect(copied).toBeGreaterThan(0);
    expect(last).toEqual(right);
  }
});

test("local recovery: a life that was taken over may go on; its files are linked and none is taken away", async () => {
  const lives = await Lives.create();
  const { extra } = lives.options();
  const zombie = lives.counting.job(lives.backend(), extra).start();
  lives.counting.source.release(30);
  await expect.poll(() => zombie.metrics().records).toBe(30);
  await zombie.triggerCheckpoint();
  const zombieSource = lives.counting.source;
  const [root = ""] = await readdir(lives.working);
  const before = await tablesIn(join(lives.working, root));
  expect(await lives.next()).toEqual({ copied: 0, last: right });
  expect(await tablesIn(join(lives.working, root))).toEqual(before);
  // It still reads its own state.
  const written = lives.counting.output.length;
  zombieSource.release(10);
  await expect.poll(() => lives.counting.output.length).toBe(written + 10);
  expect(lives.lastLines()).toEqual(right);
  zombieSource.end();
  await expect(zombie.finished).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
});

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { int32, int64, isStateError, job, type Job, type JobOptions, type StateBackend, valueState } from "@tidemark/core";
import { collectSink, generatorSource } from "@tidemark/core/connectors";
import { describe, expect, onTestFinished, test } from "vitest";
import { ManualSource } from "./manual-source.js";
import { backends, scratchDirectory, silentLogger } from "./scratch.js";

/** Sums numbers by key; its state has some size. */
function summing(directory: string, backend: StateBackend, source: ManualSource | number, extra: Partial<JobOptions> = {}): Job {
  return job(
    "summing",
    (env) => {
      env
        .source("numbers", typeof source === "number" ? generatorSource({ count: source, record: (index) => index }) : source.source())
        .keyBy((number) => number % 1000, int32())
        .process<number>("sum", (context) => {
          const sum = context.getState(valueState("sum", int64()));
          return { processElement: (number) => sum.update((sum.value() ?? 0) + number) };
        })
        .sink("out", collectSink([]));
    },
    { backend, checkpoint: { directory: join(directory, "checkpoints"), interval: "1h" }, logger: silentLogger, ...extra },
  );
}

async function outcome(running: Promise<unknown>): Promise<string> {
  return await running.then(
    () => "no error",
    (error: unknown) => (isStateError(error) ? error.code : String(error)),
  );
}

/** Runs a job to its end and returns the folder of its checkpoints. */
async function withCheckpoint(directory: string, backend: StateBackend): Promise<string> {
  await summing(directory, backend, 3000).run();
  return join(directory, "checkpoints", "summing");
}

describe.each(backends)("a restore on $name is refused", ({ name, create }) => {
  const newest = async (folder: string): Promise<string> =>
    join(
      folder,
      (await readdir(folder))
        .filter((entry) => entry.startsWith("chk-"))
        .sort()
        .at(-1) ?? "",
      "manifest.json.gz",
    );
  const sharedFile = async (folder: string): Promise<string> => join(folder, "shared", (await readdir(join(folder, "shared")))[0] ?? "");

  const damages: readonly (readonly [string, string, (folder: string) => Promise<void>])[] = [
    ["when the manifest is cut short", "CHECKPOINT_DAMAGED", async (folder) => await truncate(await newest(folder), 200)],
    [
      "when the manifest has another checksum",
      "CHECKPOINT_DAMAGED",
      async (folder) => {
        const path = await newest(folder);
        await writeFile(path, (await readFile(path, "utf8")).replace('"records": 3000', '"records": 2999'));
      },
    ],
    ["when a file is missing", "CHECKPOINT_FILE_MISSING", async (folder) => await rm(await sharedFile(folder))],
    ["when a file is cut short", "CHECKPOINT_FILE_DAMAGED", async (folder) => await truncate(await sharedFile(folder), 100)],
    [
      "when a byte of a file is flipped",
      "CHECKPOINT_FILE_DAMAGED",
      async (folder) => {
        const path = await sharedFile(folder);
        const bytes = await readFile(path);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        await writeFile(path, bytes);
      },
    ],
    [
      "when the directory belongs to another job",
      "FOREIGN_DIRECTORY",
      async (folder) => {
        const other = join(folder, "..", "other");
        await mkdir(other);
        await job("other", (env) => env.source("s", generatorSource({ count: 1, record: (index) => index })).sink("o", collectSink([])), {
          backend: create(other),
          checkpoint: { directory: join(folder, "..") },
          logger: silentLogger,
        }).run();
        await rm(join(folder, "job.json"));
        execFileSync("cp", [join(other, "job.json"), folder]);
      },
    ],
  ];
  test.each(damages)("%s", async (_, code, damage) => {
    const directory = await scratchDirectory();
    const folder = await withCheckpoint(directory, create(directory));
    await damage(folder);
    const before = listing(folder);
    expect(await outcome(summing(directory, create(directory), 3000).run())).toBe(code);
    // Nothing was deleted on the way to the error.
    expect(before.filter((path) => !listing(folder).includes(path))).toEqual([]);
  });

  test("with another max parallelism, another backend, or without the operator", async () => {
    const directory = await scratchDirectory();
    await withCheckpoint(directory, create(directory));
    expect(await outcome(summing(directory, create(directory), 3000, { maxParallelism: 64 }).run())).toBe("MAX_PARALLELISM_MISMATCH");
    const other = backends.find((backend) => backend.name !== name)?.create(directory) as StateBackend;
    expect(await outcome(summing(directory, other, 3000).run())).toBe("BACKEND_MISMATCH");
    const without = job(
      "summing",
      (env) => env.source("numbers", generatorSource({ count: 1, record: (index) => index })).sink("out", collectSink([])),
      {
        backend: create(directory),
        checkpoint: { directory: join(directory, "checkpoints") },
        logger: silentLogger,
      },
    );
    expect(await outcome(without.run())).toBe("STATE_NOT_RESTORED");
    expect(await summing(directory, create(directory), 3000).run()).toMatchObject({ status: "finished", records: 3000 });
  });
});

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort();
}

const isRoot = process.getuid?.() === 0;

describe.each(backends)("a checkpoint directory on $name", ({ create }) => {
  test("that is no directory or cannot be written is refused at the start", async () => {
    const directory = await scratchDirectory();
    await writeFile(join(directory, "checkpoints"), "a file");
    expect(await outcome(summing(directory, create(directory), 10).run())).toBe("DIRECTORY_NOT_WRITABLE");
  });

  test.skipIf(isRoot)("without permission is refused at the start", async () => {
    const directory = await scratchDirectory();
    await mkdir(join(directory, "checkpoints"));
    await chmod(join(directory, "checkpoints"), 0o500);
    expect(await outcome(summing(directory, create(directory), 10).run())).toBe("DIRECTORY_NOT_WRITABLE");
  });

  test.skipIf(!isRoot)("that is full fails checkpoints, not the job; once there is room they go on and nothing is lost", async () => {
    const directory = await scratchDirectory();
    const checkpoints = join(directory, "checkpoints");
    await mkdir(checkpoints);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", checkpoints]);
    onTestFinished(() => void execFileSync("umount", ["-l", checkpoints]));
    const source = new ManualSource();
    const running = summing(directory, create(directory), source).start();
    source.release(3000);
    while (running.metrics().records < 3000) await new Promise((resolve) => setTimeout(resolve, 2));
    await running.triggerCheckpoint();
    await fill(join(checkpoints, "ballast"));
    source.release(3000);
    expect(await outcome(running.triggerCheckpoint())).toBe("NO_SPACE");
    expect(await outcome(running.triggerCheckpoint())).toBe("NO_SPACE");
    await rm(join(checkpoints, "ballast"));
    source.end();
    expect(await running.finished).toMatchObject({ status: "finished", records: 6000 });
    const again = new ManualSource();
    again.end();
    expect(await summing(directory, create(directory), again).run()).toMatchObject({ status: "finished", records: 6000 });
  });
});

/** Writes to a file until the filesystem has no room left. */
async function fill(path: string): Promise<void> {
  for (const size of [65_536, 4_096, 1]) {
    for (;;) {
      try {
        await writeFile(path, new Uint8Array(size), { flag: "a" });
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOSPC") throw error;
        break;
      }
    }
  }
}

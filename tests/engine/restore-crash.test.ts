import { type Clock, isStateError, type RestoreOptions, type StateBackend } from "@tidemark/core";
import { fileSink } from "@tidemark/core/connectors";
import { faultAt, FaultyFileSystem, type FileSystem, MemoryFileSystem } from "@tidemark/core/storage";
import { memoryBackend } from "@tidemark/state-memory";
import { describe, expect, test } from "vitest";
import { Counting, expected, until } from "./counting.js";

/** Time in which whatever is to happen within a minute happens at once, so that retries cost nothing. */
const hastyClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, callback) {
    if (delayMs > 60_000) return () => undefined;
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};

const output = "/out/rows.txt";

/** A job on a disk that loses at a crash what was not synced; its output is on that disk too. */
class OnDisk {
  readonly counting = new Counting("/jobs");

  constructor(name = "counting") {
    this.counting.name = name;
    this.counting.sink = fileSink({ path: output, format: (row: string) => row });
  }

  async run(fileSystem: FileSystem, backend: StateBackend, restore: RestoreOptions): Promise<unknown> {
    return await this.counting.run(backend, restore, { fileSystem, clock: hastyClock });
  }

  /** Two checkpoints of a job that is stopped, and a third, the newest, with a damaged file. */
  async damaged(memory: MemoryFileSystem): Promise<void> {
    const running = this.counting.job(memoryBackend(), { fileSystem: memory, clock: hastyClock }).start();
    for (const records of [20, 40]) {
      this.counting.source.release(20);
      await until(running, () => running.metrics().records === records);
      await running.triggerCheckpoint();
    }
    const { lastCheckpoint } = await running.stop();
    const shared = `/jobs/checkpoints/${this.counting.name}/shared`;
    for (const { name } of await memory.list(shared)) {
      if (!name.endsWith(`-${lastCheckpoint?.id}.entries`)) continue;
      const bytes = await memory.readFile(`${shared}/${name}`);
      bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 1;
      await memory.removeFile(`${shared}/${name}`);
      const file = await memory.createFile(`${shared}/${name}`);
      await file.write(bytes);
      await file.sync();
      await memory.syncDirectory(shared);
    }
  }
}

async function rows(memory: MemoryFileSystem): Promise<string[]> {
  return new TextDecoder().decode(await memory.readFile(output)).trim().split("\n");
}

/** Breaks `act` off at its calls, every `stride`-th one; each time what a power cut leaves must carry a second run to the exact end. */
async function atCalls(
  stride: number,
  prepare: (memory: MemoryFileSystem) => Promise<void>,
  act: (fileSystem: FileSystem) => Promise<unknown>,
): Promise<number> {
  let crashes = 0;
  for (let index = 0; ; index += stride) {
    const memory = new MemoryFileSystem();
    await prepare(memory);
    const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "crash-after" }));
    const failure: unknown = await act(faulty).then(() => undefined, (error: unknown) => error);
    const call = faulty.calls[index];
    const where = `call ${index}: ${call?.operation} ${call?.path}`;
    expect(failure === undefined || isStateError(failure), `${where}: ${String(failure)}`).toBe(true);
    if (faulty.isCrashed) memory.crash();
    await act(memory).catch((error: unknown) => {
      throw new Error(where, { cause: error });
    });
    expect(await rows(memory), where).toEqual(expected);
    if (!faulty.isCrashed) return crashes;
    crashes += 1;
  }
}

describe("a power cut at any call", () => {
  for (const [name, backend] of [["read", memoryBackend()], ["linked", { ...memoryBackend(), restoresBy: "link" as const }]] as const) {
    test(`rule 20: while a job falls back from a damaged checkpoint (files are ${name}), every row comes out once`, async () => {
      const disk = new OnDisk();
      const crashes = await atCalls(
        3,
        (memory) => disk.damaged(memory),
        (fileSystem) => disk.run(fileSystem, backend, { onDamaged: "fall-back" }),
      );
      expect(crashes).toBeGreaterThan(30);
    });
  }

  test("rule 17: while a job starts from another's checkpoint, every row comes out once", async () => {
    const source = new OnDisk("source");
    const fork = new OnDisk("fork");
    const crashes = await atCalls(
      3,
      async (memory) => {
        await source.damaged(memory);
      },
      (fileSystem) =>
        fork.run(fileSystem, memoryBackend(), { from: { directory: "/jobs/checkpoints", job: "source" }, onDamaged: "fall-back" }),
    );
    expect(crashes).toBeGreaterThan(30);
  });
});

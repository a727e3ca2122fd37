import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { StateError } from "../../errors/index.js";
import type { SinkWriter } from "../../operators/sink.js";
import { FaultyFileSystem, type FileCall } from "../../storage/faulty-file-system.js";
import type { FileSystem, Json } from "../../storage/index.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { fileSink } from "./file-sink.js";

const path = "/out/deep/result.txt";
const unfinished = `${path}.inprogress`;
const sink = fileSink<number>({ path, format: lineOf });

/** Lines of very different lengths, some with characters of several bytes. */
function lineOf(value: number): string {
  return `${value}:${"é".repeat(value % 13)}${value % 50 === 0 ? "x".repeat(40_000) : ""}`;
}

function textOf(count: number): string {
  return Array.from({ length: count }, (_, value) => `${lineOf(value)}\n`).join("");
}

/** Short enough to print when two long texts differ. */
function digest(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `${text.length} characters, SHA-256 ${createHash("sha256").update(text).digest("hex")}`;
}

async function digestAt(fileSystem: FileSystem, file: string): Promise<string | undefined> {
  return digest(await textAt(fileSystem, file));
}

function open(fileSystem: FileSystem, restored?: Json): Promise<SinkWriter<number>> {
  return sink.open({ subtask: 0, parallelism: 1, fileSystem }, restored);
}

async function textAt(fileSystem: FileSystem, file: string): Promise<string | undefined> {
  if ((await fileSystem.stat(file)) === undefined) return undefined;
  return new TextDecoder().decode(await fileSystem.readFile(file));
}

async function put(fileSystem: FileSystem, file: string, text: string): Promise<void> {
  await fileSystem.makeDirectory("/out/deep");
  await fileSystem.removeFile(file);
  const created = await fileSystem.createFile(file);
  await created.write(new TextEncoder().encode(text));
  await created.sync();
  await created.close();
  for (const directory of ["/out/deep", "/out", "/"]) await fileSystem.syncDirectory(directory);
}

async function writeRange(writer: SinkWriter<number>, from: number, to: number): Promise<void> {
  for (let value = from; value < to; value++) {
    writer.write(value, undefined);
    await writer.drain();
  }
}

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof StateError ? error.code : String(error)),
  );
}

describe("fileSink", () => {
  test("publishes by rename at the end only, and replaces an older result", async () => {
    const fileSystem = new MemoryFileSystem();
    await put(fileSystem, path, "old\n");
    const writer = await open(fileSystem);
    await writeRange(writer, 0, 200);
    await writer.snapshot(1);
    expect(await textAt(fileSystem, path)).toBe("old\n");
    await writer.finish();
    await writer.finish();
    await writer.close();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(200)));
    expect(await textAt(fileSystem, unfinished)).toBeUndefined();
    fileSystem.crash();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(200)));
  });

  test("a snapshot holds the length and hash of what was written before it, though writing goes on", async () => {
    const fileSystem = new MemoryFileSystem();
    const writer = await open(fileSystem);
    await writeRange(writer, 0, 60);
    const taken = writer.snapshot(1);
    await writeRange(writer, 60, 90);
    const bytes = new TextEncoder().encode(textOf(60));
    expect(await taken).toEqual({ lengthBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
    fileSystem.crash();
    expect((await textAt(fileSystem, unfinished))?.startsWith(textOf(60))).toBe(true);
  });

  test("a snapshot at any moment of finish() holds the whole result", async () => {
    for (let turns = 0; turns < 60; turns++) {
      const fileSystem = new MemoryFileSystem();
      const writer = await open(fileSystem);
      await writeRange(writer, 0, 20);
      const finished = writer.finish();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const [state] = await Promise.all([writer.snapshot(1), finished]);
      await writer.close();
      const restored = await open(fileSystem, state);
      await restored.finish();
      expect(await digestAt(fileSystem, path), `after ${turns} turns`).toBe(digest(textOf(20)));
    }
  });

  test("a fresh start replaces a leftover; a job without output publishes an empty file", async () => {
    const fileSystem = new MemoryFileSystem();
    await put(fileSystem, unfinished, "leftover of another run\n");
    const writer = await open(fileSystem);
    const state = await writer.snapshot(1);
    await writer.close();
    await put(fileSystem, unfinished, "written after the checkpoint\n");
    const restored = await open(fileSystem, state);
    await restored.finish();
    await restored.close();
    expect(await textAt(fileSystem, path)).toBe("");
  });

  test("drain() waits only for much output, and memory stays bounded", async () => {
    const writer = await open(new MemoryFileSystem());
    writer.write(1, undefined);
    expect(writer.drain()).toBeUndefined();
    for (let value = 0; value < 2_000; value++) writer.write(50 * value, undefined);
    expect(writer.drain()).toBeInstanceOf(Promise);
    await writer.drain();
    expect(writer.drain()).toBeUndefined();
  });

  test("values after the end, a line end in a line, a failing format", async () => {
    const writer = await open(new MemoryFileSystem());
    await writer.close();
    expect(() => writer.write(1, undefined)).toThrow(expect.objectContaining({ code: "DISPOSED" }) as Error);
    for (const [format, expected] of [
      [() => "a\nb", "INVALID_ARGUMENT"],
      [() => 5 as unknown as string, "INVALID_ARGUMENT"],
      [
        () => {
          throw new Error("no");
        },
        "USER_FUNCTION",
      ],
    ] as const) {
      const other = await fileSink({ path, format }).open({ subtask: 0, parallelism: 1, fileSystem: new MemoryFileSystem() }, undefined);
      expect(() => other.write(1, undefined)).toThrow(expect.objectContaining({ code: expected }) as Error);
    }
    const directory = new MemoryFileSystem();
    await directory.makeDirectory(path);
    expect(await code(open(directory))).toBe("INVALID_CONFIGURATION");
    expect(await code(sink.open({ subtask: 0, parallelism: 2, fileSystem: directory }, undefined))).toBe("INVALID_CONFIGURATION");
  });
});

describe("restoring a fileSink", () => {
  async function checkpointed(): Promise<{ fileSystem: MemoryFileSystem; state: Json }> {
    const fileSystem = new MemoryFileSystem();
    const writer = await open(fileSystem);
    await writeRange(writer, 0, 80);
    const state = await writer.snapshot(1);
    await writeRange(writer, 80, 120);
    await writer.close();
    return { fileSystem, state };
  }

  test("takes back what was written after the checkpoint", async () => {
    const { fileSystem, state } = await checkpointed();
    const writer = await open(fileSystem, JSON.parse(JSON.stringify(state)) as Json);
    await writeRange(writer, 80, 101);
    await writer.finish();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(101)));
  });

  test("refuses, and leaves alone, a file that is gone, too short or altered", async () => {
    const { fileSystem, state } = await checkpointed();
    const full = (await textAt(fileSystem, unfinished)) ?? "";
    for (const [text, expected] of [
      [full.slice(0, 500), "CHECKPOINT_FILE_DAMAGED"],
      [`X${full.slice(1)}`, "CHECKPOINT_FILE_DAMAGED"],
    ] as const) {
      await put(fileSystem, unfinished, text);
      expect(await code(open(fileSystem, state))).toBe(expected);
      expect(await digestAt(fileSystem, unfinished)).toBe(digest(text));
    }
    await fileSystem.removeFile(unfinished);
    expect(await code(open(fileSystem, state))).toBe("CHECKPOINT_FILE_MISSING");
  });

  test.each([
    [null],
    [7],
    [{}],
    [{ lengthBytes: -1, sha256: "0".repeat(64) }],
    [{ lengthBytes: 1.5, sha256: "0".repeat(64) }],
    [{ lengthBytes: 5, sha256: "x" }],
  ])("refuses the state %j", async (state) => {
    expect(await code(open(new MemoryFileSystem(), state))).toBe("CHECKPOINT_DAMAGED");
  });

  test("the final state finds the published file and is done; an earlier one takes its part of it back", async () => {
    const { fileSystem, state } = await checkpointed();
    const writer = await open(fileSystem, state);
    await writeRange(writer, 80, 130);
    const final = await writer.snapshot(2);
    await writer.finish();
    await writer.close();
    const again = await open(fileSystem, final);
    expect(await again.snapshot(3)).toEqual(final);
    await again.finish();
    await again.close();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(130)));
    const goingOn = await open(fileSystem, final);
    await writeRange(goingOn, 130, 140);
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(130)));
    await goingOn.finish();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(140)));
    const earlier = await open(fileSystem, state);
    await writeRange(earlier, 80, 90);
    await earlier.finish();
    expect(await digestAt(fileSystem, path)).toBe(digest(textOf(90)));
  });

  test("no space: the checkpoint fails, and the next one holds everything", async () => {
    const inner = new MemoryFileSystem();
    let isFull = false;
    const full = { kind: "partial-write", error: new StateError("NO_SPACE", "the disk is full") } as const;
    const fileSystem = new FaultyFileSystem(inner, (call) => (isFull && call.operation === "write" ? full : undefined));
    const writer = await open(fileSystem);
    await writeRange(writer, 0, 40);
    isFull = true;
    await writeRange(writer, 40, 45);
    expect(await code(writer.snapshot(1))).toBe("NO_SPACE");
    isFull = false;
    const state = await writer.snapshot(2);
    inner.crash();
    const restored = await open(inner, state);
    await restored.finish();
    expect(await digestAt(inner, path)).toBe(digest(textOf(45)));
  });

  test("after a failed fsync nothing is called durable any more", async () => {
    const error = new StateError("IO", "EIO");
    let failures = 1;
    const fileSystem = new FaultyFileSystem(new MemoryFileSystem(), (call) =>
      call.operation === "sync" && failures-- > 0 ? { kind: "error", error } : undefined,
    );
    const writer = await open(fileSystem);
    await writeRange(writer, 0, 3);
    expect(await code(writer.snapshot(1))).toBe("IO");
    expect(await code(writer.snapshot(2))).toBe("IO");
    expect(await code(writer.finish())).toBe("IO");
  });
});

describe("crashes of a fileSink", () => {
  const total = 150;
  const every = 40;

  /** One life of a job: restores, writes on, checkpoints every few values, finishes. `announced` survives a crash, as a manifest does. */
  async function live(fileSystem: FileSystem, announced: { state?: Json; next: number; isFinal: boolean }): Promise<void> {
    const writer = await open(fileSystem, announced.state);
    for (let next = announced.next; next < total; next++) {
      writer.write(next, undefined);
      await writer.drain();
      if (next % every === every - 1) {
        const state = await writer.snapshot(next);
        Object.assign(announced, { state, next: next + 1 });
      }
    }
    if (!announced.isFinal) Object.assign(announced, { state: await writer.snapshot(total), next: total, isFinal: true });
    await writer.finish();
    await writer.close();
  }

  test.each([
    ["before", undefined],
    ["after", undefined],
    ["before", 11],
    ["after", 12],
  ] as const)("a crash %s any one call ends in the same file (seed %s)", async (moment, seed) => {
    let survived = 0;
    for (let at = 0; survived < 1; at++) {
      const inner = new MemoryFileSystem();
      const announced = { next: 0, isFinal: false };
      const random = seed === undefined ? undefined : generator(seed + at);
      const faulty = new FaultyFileSystem(inner, (call: FileCall) => (call.index === at ? { kind: `crash-${moment}` } : undefined));
      if ((await code(live(faulty, announced))) === "no error") survived++;
      inner.crash(random === undefined ? {} : { random });
      await live(inner, announced);
      expect(await digestAt(inner, path), `crash ${moment} call ${at}`).toBe(digest(textOf(total)));
      inner.crash();
      expect(await digestAt(inner, path), `durable after call ${at}`).toBe(digest(textOf(total)));
    }
  });

  test("several crashes at random calls end in the same file", async () => {
    const seed = Number(process.env["TIDEMARK_SEED"] ?? 4_711);

    const random = generator(seed);
    for (let round = 0; round < 60; round++) {
      const inner = new MemoryFileSystem();
      const announced = { next: 0, isFinal: false };
      for (let crash = 0; crash < 3; crash++) {
        const at = Math.floor(random() * 25);
        const moment = random() < 0.5 ? "crash-before" : "crash-after";
        await code(live(new FaultyFileSystem(inner, (call) => (call.index === at ? { kind: moment } : undefined)), announced));
        inner.crash({ random });
      }
      await live(inner, announced);
      expect(await digestAt(inner, path), `seed ${seed}, round ${round}`).toBe(digest(textOf(total)));
    }
  });
});

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

import { describe, expect, test } from "vitest";
import { StateError } from "../errors/index.js";
import { ManualClock } from "../testing/manual-clock.js";
import { FaultyFileSystem, type FaultPlan, type FileOperation } from "./faulty-file-system.js";
import { sha256Hex } from "./framed-json.js";
import type { FileReference } from "./manifest.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { localFile } from "./scripted-life.test.support.js";
import { SharedFiles } from "./shared-files.js";
import { UploadPace, type UploadPaceOptions } from "./upload-pace.js";

class Stage {
  readonly memory: MemoryFileSystem;
  readonly clock = new ManualClock(0);
  readonly faulty: FaultyFileSystem;
  readonly files: SharedFiles;

  constructor(plan: FaultPlan = () => undefined, pace: Omit<UploadPaceOptions, "clock"> = {}, hardLinks = true) {
    this.memory = new MemoryFileSystem({ hardLinks });
    this.faulty = new FaultyFileSystem(this.memory, plan);
    const clock = {
      now: () => this.clock.nowMs(),
      schedule: (delayMs: number, callback: () => void) => this.clock.schedule(delayMs, callback),
    };
    let nonces = 0;
    this.files = new SharedFiles({
      fileSystem: this.faulty,
      directory: "/shared",
      generation: 1,
      nonce: () => `n${nonces++}`,
      highestBegun: () => 1,
      pace: new UploadPace({ ...pace, clock }),
    });
  }

  async start(): Promise<this> {
    await this.memory.makeDirectory("/shared");
    return this;
  }

  /** Lets everything run that waits for time, and returns how much passed. */
  async settle(promise: Promise<unknown>): Promise<number> {
    const startMs = this.clock.nowMs();
    const ended = { isDone: false };
    void promise.catch(() => undefined).then(() => (ended.isDone = true));
    for (let turn = 0; !ended.isDone && turn < 20_000; turn += 1) {
      for (let calls = 0; calls < 5; calls += 1) await new Promise((resolve) => setImmediate(resolve));
      if (!ended.isDone) this.clock.advance(10);
    }
    expect(ended.isDone).toBe(true);
    return this.clock.nowMs() - startMs;
  }

  count(operation: FileOperation): number {
    return this.faulty.calls.filter((call) => call.operation === operation).length;
  }

  /** What is in shared/ that should not be. */
  async leftovers(...names: string[]): Promise<string[]> {
    return (await this.memory.list("/shared")).map(({ name }) => name).filter((name) => !names.includes(name));
  }
}

/** Fails the first `times` calls of an operation. */
function failing(operation: FileOperation, errno: string, times: number, code: "IO" | "NO_SPACE" = "IO"): FaultPlan {
  let left = times;
  const error = new StateError(code, `injected ${errno}`, { details: { errno } });
  return (call) => (call.operation === operation && left-- > 0 ? { kind: "error", error } : undefined);
}

async function* chunks(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size).fill(size);
}

describe("retries", () => {
  for (const errno of ["EIO", "EAGAIN", "EMFILE", "ETIMEDOUT"]) {
    for (const operation of ["link", "sha256"] as const) {
      test(`${errno} of ${operation} passes: tried again after 50, 100 and 200 ms`, async () => {
        const stage = await new Stage(failing(operation, errno, 3)).start();
        const adding = stage.files.addFile(await localFile(stage.memory, "a", "abc"), "1-a");
        const tookMs = await stage.settle(adding);
        expect(await adding).toEqual({ name: "1-a", sizeBytes: 3, sha256: sha256Hex(new TextEncoder().encode("abc")) });
        expect(stage.count(operation)).toBe(4);
        expect(tookMs).toBeGreaterThanOrEqual(350);
        expect(tookMs).toBeLessThan(450);
      });
    }
  }

  test.each(["copyHashed", "syncFile"] as const)("a copy is written anew each time, also when only %s failed", async (operation) => {
    const stage = await new Stage(failing(operation, "EIO", 2), {}, false).start();
    const adding = stage.files.addFile(await localFile(stage.memory, "a", "abc"), "1-a");
    await stage.settle(adding);
    const targets = stage.faulty.calls.filter((call) => call.operation === "copyHashed").map(({ path }) => path);
    expect(new Set(targets).size).toBe(3);
    expect(await stage.leftovers("1-a")).toEqual([]);
  });

  test("what does not pass is given up after five attempts; the next request tries again", async () => {
    const stage = await new Stage(failing("link", "EIO", 5)).start();
    const path = await localFile(stage.memory, "a", "abc");
    const adding = stage.files.addFile(path, "1-a");
    await stage.settle(adding);
    await expect(adding).rejects.toMatchObject({ code: "IO" });
    expect(stage.count("link")).toBe(5);
    expect((await stage.files.addFile(path, "1-a")).sizeBytes).toBe(3);
  });

  test("a full disk, a missing file and a missing right are not tried again", async () => {
    const errors = [["NO_SPACE", "ENOSPC"], ["IO", "ENOENT"], ["DIRECTORY_NOT_WRITABLE", "EACCES"]] as const;
    for (const [code, errno] of errors) {
      const error = new StateError(code, "injected", { details: { errno } });
      const stage = await new Stage(({ operation }) => (operation === "link" ? { kind: "error", error } : undefined)).start();
      await expect(stage.files.addFile(await localFile(stage.memory, "a", "abc"), "1-a")).rejects.toBe(error);
      expect(stage.count("link")).toBe(1);
    }
  });

  test("rule 25: a failed fsync of a linked file is final for that name; failing to open it is not", async () => {
    const lost = await new Stage(failing("syncFile", "EIO", 1)).start();
    const path = await localFile(lost.memory, "a", "abc");
    await expect(lost.files.addFile(path, "1-a")).rejects.toMatchObject({ code: "IO" });
    await expect(lost.files.addFile(path, "1-a")).rejects.toMatchObject({ code: "IO" });
    expect(lost.count("syncFile")).toBe(1);
    const busy = await new Stage(failing("syncFile", "EMFILE", 2)).start();
    const adding = busy.files.addFile(await localFile(busy.memory, "a", "abc"), "1-a");
    await busy.settle(adding);
    expect((await adding).sizeBytes).toBe(3);
  });

  test("a link that was made although it failed is recognised by its contents; another file of that name is not", async () => {
    for (const isOther of [false, true]) {
      const error = new StateError("IO", "injected", { details: { errno: "EIO" } });
      let isFirst = true;
      const stage = await new Stage(async ({ operation }) => {
        if (operation !== "link" || !isFirst) return undefined;
        isFirst = false;
        await stage.memory.link(isOther ? "/local/b" : "/local/a", "/shared/1-a");
        return { kind: "error", error };
      }).start();
      const path = await localFile(stage.memory, "a", "abc");
      await localFile(stage.memory, "b", "xyz");
      const adding = stage.files.addFile(path, "1-a");
      await stage.settle(adding);
      if (isOther) await expect(adding).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      else expect((await adding).sha256).toBe(sha256Hex(new TextEncoder().encode("abc")));
    }
  });
});

describe("pace", () => {
  test("no more than `concurrency` files are written at the same time, and each in its turn", async () => {
    let running = 0;
    let most = 0;
    const stage = await new Stage(
      async ({ operation }) => {
        if (operation !== "sha256") return undefined;
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return undefined;
      },
      { concurrency: 3 },
    ).start();
    const adding: Promise<FileReference>[] = [];
    for (let index = 0; index < 12; index += 1) {
      adding.push(stage.files.addFile(await localFile(stage.memory, `${index}`, `${index}`), `1-${index}`));
    }
    await stage.settle(Promise.all(adding));
    expect(most).toBe(3);
  });

  test("the next chunk of a stream is made while one is written; the file is closed only when all of them are", async () => {
    const events: string[] = [];
    let release = (): void => undefined;
    const made = new Promise<void>((resolve) => (release = resolve));
    let writes = 0;
    const stage = await new Stage(async ({ operation }) => {
      if (operation === "write" && ++writes === 1) await made;
      if (["write", "sync", "close"].includes(operation)) events.push(operation);
      return undefined;
    }).start();
    const twoChunks = async function* (): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1, 2);
      events.push("second chunk");
      release();
      yield Uint8Array.of(3);
    };
    const reference = await stage.files.writeFile("1-a", twoChunks());
    expect(events).toEqual(["second chunk", "write", "write", "sync", "close"]);
    expect(reference).toMatchObject({ sizeBytes: 3, sha256: sha256Hex(Uint8Array.of(1, 2, 3)) });
  });

  test("a stream whose chunks fail is closed only after the write under way, and so is one whose last write fails", async () => {
    const full = new StateError("NO_SPACE", "injected ENOSPC", { details: { errno: "ENOSPC" } });
    for (const [failingWrite, hasBadChunk] of [[1, false], [-1, true], [0, true]] as const) {
      const events: string[] = [];
      let writes = 0;
      const stage = await new Stage(async ({ operation }) => {
        if (operation !== "write") return void (operation === "close" && events.push("close"));
        const isFailing = writes++ === failingWrite;
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        events.push("write");
        return isFailing ? { kind: "error", error: full } : undefined;
      }).start();
      const some = async function* (): AsyncGenerator<Uint8Array> {
        yield Uint8Array.of(1);
        if (hasBadChunk) throw new Error("no second chunk");
        yield Uint8Array.of(2);
      };
      await expect(stage.files.writeFile("1-a", some())).rejects.toThrow(hasBadChunk ? "no second chunk" : "ENOSPC");
      expect(events).toEqual(hasBadChunk ? ["write", "close"] : ["write", "write", "close"]);
      expect(await stage.leftovers()).toEqual([]);
    }
  });

  test("streams and copies keep to the rate together; links are free", async () => {
    const stage = await new Stage(undefined, { bytesPerSecond: 1_000 }).start();
    const both = Promise.all([
      stage.files.writeFile("1-a", chunks([500, 500, 500])),
      stage.files.writeFile("1-b", chunks([500, 500, 500])),
    ]);
    const tookMs = await stage.settle(both);
    // 3,000 bytes; the last one is let through before it is paid for.
    expect(tookMs).toBeGreaterThanOrEqual(2_490);
    expect(tookMs).toBeLessThan(3_100);
    const path = await localFile(stage.memory, "a", "x".repeat(5_000));
    stage.clock.advance(10_000);
    expect(await stage.settle(stage.files.addFile(path, "1-linked"))).toBeLessThan(100);
    const copying = await new Stage(undefined, { bytesPerSecond: 1_000 }, false).start();
    const [one, two] = [await localFile(copying.memory, "a", "x".repeat(3_000)), await localFile(copying.memory, "b", "y")];
    expect(await copying.settle(copying.files.addFile(one, "1-a").then(() => copying.files.addFile(two, "1-b")))).toBeGreaterThan(2_900);
  });
});

describe("abort", () => {
  test("at any call of any upload: the signal's reason comes out, no temporary file stays, the name can be written", async () => {
    for (const kind of ["link", "copy", "stream", "import"] as const) {
      let aborts = 0;
      for (let index = 0; ; index += 1) {
        const abort = new AbortController();
        let seen = 0;
        const stage = await new Stage(() => void (seen++ === index && abort.abort(new Error("stop"))), {}, kind !== "copy").start();
        const path = await localFile(stage.memory, "a", "abc");
        const reference = { name: "x", sizeBytes: 3, sha256: sha256Hex(new TextEncoder().encode("abc")) };
        const upload = async (signal?: AbortSignal): Promise<FileReference> => {
          if (kind === "stream") return await stage.files.writeFile("1-a", chunks([1, 1, 1]), signal);
          if (kind === "import") return (await stage.files.importFile(path, "1-a", reference, signal)).reference;
          return await stage.files.addFile(path, "1-a", signal);
        };
        const failure = await upload(abort.signal).then(() => undefined, (error: unknown) => error);
        if (failure !== undefined) {
          aborts += 1;
          expect(failure, `${kind} ${index}`).toMatchObject({ message: "stop" });
          expect((await stage.leftovers("1-a")).length, `${kind} ${index}`).toBe(0);
          expect((await upload()).sizeBytes).toBe(3);
        }
        if (seen <= index) break;
      }
      expect(aborts, kind).toBeGreaterThan(kind === "import" ? -1 : 0);
    }
  });

  test("while waiting for a turn, for the rate or for the next attempt", async () => {
    const reason = new Error("stop");
    const waits: [FaultPlan, Omit<UploadPaceOptions, "clock">][] = [
      [failing("createFile", "EIO", 4), {}],
      [() => undefined, { bytesPerSecond: 0.001 }],
      [() => undefined, { concurrency: 1, bytesPerSecond: 0.001 }],
    ];
    for (const [plan, pace] of waits) {
      const abort = new AbortController();
      const stage = await new Stage(plan, pace).start();
      const write = (each: number): Promise<unknown> => stage.files.writeFile(`1-${each}`, chunks([1, 1, 1]), abort.signal);
      const writing = [1, 2].map((each) => write(each).catch((error: unknown) => error));
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      abort.abort(reason);
      expect(await Promise.all(writing)).toEqual([reason, reason]);
      expect(await stage.leftovers()).toEqual([]);
    }
  });
});

describe("importFile", () => {
  test("links without reading, and says so; a copy is read and compared", async () => {
    for (const hardLinks of [true, false]) {
      const stage = await new Stage(undefined, {}, hardLinks).start();
      const path = await localFile(stage.memory, "a", "abc");
      const source = { name: "3-a", sizeBytes: 3, sha256: sha256Hex(new TextEncoder().encode("abc")) };
      const imported = await stage.files.importFile(path, "1-a", source);
      expect(imported).toEqual({ reference: { ...source, name: "1-a" }, isLinked: hardLinks });
      expect(stage.count("sha256")).toBe(hardLinks ? 0 : 1);
      expect(stage.files.referenceOf("1-a")).toEqual(imported.reference);
    }
  });

  test("refuses what is not as described, and leaves nothing", async () => {
    const sha256 = sha256Hex(new TextEncoder().encode("abc"));
    const wrong = [
      { hardLinks: true, source: { name: "3-a", sizeBytes: 4, sha256 } },
      { hardLinks: false, source: { name: "3-a", sizeBytes: 4, sha256 } },
      { hardLinks: false, source: { name: "3-a", sizeBytes: 3, sha256: sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) } },
    ];
    for (const { hardLinks, source } of wrong) {
      const stage = await new Stage(undefined, {}, hardLinks).start();
      const path = await localFile(stage.memory, "a", "abc");
      await expect(stage.files.importFile(path, "1-a", source)).rejects.toMatchObject({
        code: "CHECKPOINT_FILE_DAMAGED",
        details: { name: "3-a" },
      });
      expect(await stage.leftovers()).toEqual([]);
    }
  });
});

import { describe, expect, test } from "vitest";
import { announcedIn, CommitLog } from "./commit-log.js";
import { commitFormat, decodeCommitRecord, encodeCommitRecord } from "./commit-record.js";
import { createIfAbsent, writeDurably } from "./create-if-absent.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import type { FileSystem } from "./file-system.js";
import { encodeFramedJson, type JsonObject } from "./framed-json.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { slotFileName } from "./names.js";

const directory = "/commits";
const manifestSha256 = "b".repeat(64);
let nonces = 0;

function logOn(fileSystem: FileSystem): CommitLog {
  return new CommitLog({ fileSystem, directory, nonce: () => `n${nonces++}` });
}

async function emptyLog(): Promise<MemoryFileSystem> {
  const memory = new MemoryFileSystem();
  await memory.makeDirectory(directory);
  return memory;
}

describe("commit log", () => {
  test("rule 19: whoever loses a slot to a newer generation is fenced; a new one takes the next", async () => {
    const memory = await emptyLog();
    const [first, second] = [logOn(memory), logOn(memory)];
    expect(await first.fence()).toMatchObject({ slot: 1, generation: 1 });
    expect(await first.append({ kind: "checkpoint", generation: 1, checkpoint: 5, manifestSha256 })).toBe(2);
    expect(await second.fence()).toMatchObject({ slot: 3, generation: 2 });
    const late = { kind: "checkpoint", generation: 1, checkpoint: 6, manifestSha256 } as const;
    await expect(first.append(late)).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    await expect(first.append(late)).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    expect(announcedIn(await logOn(memory).read())).toEqual([{ id: 5, generation: 1, slot: 2, manifestSha256 }]);
  });

  test("rule 19: a coordinator that slept while its slot was taken and pruned has not won it, and no reader believes it", async () => {
    const memory = await emptyLog();
    let wake = (): void => undefined;
    const slept = new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
    let isArmed = false;
    const sleeper = logOn(new FaultyFileSystem(memory, ({ operation }) => (isArmed && operation === "link" ? slept : undefined)));
    const { generation, slot } = await sleeper.fence();
    isArmed = true;
    const appending = sleeper.append({ kind: "checkpoint", generation, checkpoint: 1, manifestSha256 });
    let others = logOn(memory);
    for (let round = 0; round < 30; round += 1) {
      others = logOn(memory);
      await others.fence();
    }
    await others.prune();
    expect(await memory.stat(`${directory}/${slotFileName(slot + 1)}`)).toBeUndefined();
    wake();
    await expect(appending).rejects.toMatchObject({ code: "COORDINATOR_FENCED" });
    expect(await memory.stat(`${directory}/${slotFileName(slot + 1)}`)).toBeDefined();
    const state = await logOn(memory).read();
    expect([announcedIn(state), state.generation, state.records.size]).toEqual([[], 31, 16]);
    await others.prune();
    expect((await memory.list(directory)).length).toBe(16);
  });

  test("keeps the slot of the oldest checkpoint that was not given up", async () => {
    const memory = await emptyLog();
    const log = logOn(memory);
    await log.fence();
    await log.append({ kind: "checkpoint", generation: 1, checkpoint: 1, manifestSha256 });
    for (let round = 0; round < 30; round += 1) {
      await logOn(memory).fence();
    }
    const last = logOn(memory);
    const { generation } = await last.fence();
    await last.prune();
    expect(announcedIn(await logOn(memory).read()).map(({ id }) => id)).toEqual([1]);
    await last.append({ kind: "checkpoint", generation, checkpoint: 2, manifestSha256 });
    await last.append({ kind: "subsume", generation, oldestCheckpoint: 2 });
    await last.prune();
    expect(announcedIn(await logOn(memory).read()).map(({ id }) => id)).toEqual([2]);
    expect((await memory.list(directory)).length).toBe(16);
  });

  test("a missing, foreign or contradicting record is damage", async () => {
    const base = { firstSlot: 1, oldestCheckpoint: 1, nonce: "x" };
    const bad = [
      { ...base, kind: "fence", generation: 1 },
      { ...base, kind: "subsume", generation: 3 },
      { ...base, kind: "checkpoint", generation: 2, checkpoint: 4, manifestSha256 },
      { ...base, kind: "fence", generation: 3, firstSlot: 9 },
    ] as const;
    for (const record of bad) {
      const memory = await emptyLog();
      await logOn(memory).fence();
      const log = logOn(memory);
      await log.fence();
      await log.append({ kind: "checkpoint", generation: 2, checkpoint: 4, manifestSha256 });
      await writeDurably(memory, `${directory}/000004.json`, encodeCommitRecord(record));
      await expect(logOn(memory).read()).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
      await memory.removeFile(`${directory}/000004.json`);
      await logOn(memory).read();
      await memory.removeFile(`${directory}/000002.json`);
      await expect(logOn(memory).read()).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    }
    const fence = Buffer.from(encodeCommitRecord({ ...base, kind: "fence", generation: 1 }));
    for (let length = 0; length < fence.length; length += 1) {
      expect(() => decodeCommitRecord(fence.subarray(0, length), "slot")).toThrow(expect.objectContaining({ code: "CHECKPOINT_DAMAGED" }));
    }
  });
});

test("rule 20: a rollback record holds the checkpoint gone back to and nothing more", () => {
  const rollback = { generation: 1, firstSlot: 1, oldestCheckpoint: 1, nonce: "a", kind: "rollback", checkpoint: 4 } as const;
  expect(decodeCommitRecord(encodeCommitRecord(rollback), "slot")).toEqual(rollback);
  const encode = (record: object): Uint8Array => encodeFramedJson(commitFormat, record as JsonObject);
  const { checkpoint: _, ...without } = rollback;
  const bad = [without, { ...rollback, checkpoint: 0 }, { ...rollback, manifestSha256: "0".repeat(64) }, { ...rollback, kind: "fence" }];
  for (const record of bad) {
    expect(() => decodeCommitRecord(encode(record), "slot"), JSON.stringify(record)).toThrow(
      expect.objectContaining({ code: "CHECKPOINT_DAMAGED" }),
    );
  }
});

describe("create if absent", () => {
  const target = { directory, name: "f", temporaryName: ".tmp-1-a-f" };

  test("rule 15: creates once, keeps the first and leaves no temporary file", async () => {
    const memory = await emptyLog();
    expect(await createIfAbsent(memory, target, Buffer.from("one"))).toBe(true);
    expect(await createIfAbsent(memory, target, Buffer.from("two"))).toBe(false);
    expect(await createIfAbsent(memory, target, Buffer.from("longer"))).toBe(false);
    expect(Buffer.from(await memory.readFile(`${directory}/f`)).toString()).toBe("one");
    expect(await memory.list(directory)).toEqual([{ name: "f", kind: "file" }]);
  });

  test("rule 15: a link that took effect although it reported an error is recognised by reading back", async () => {
    const memory = await emptyLog();
    const faulty = new FaultyFileSystem(memory);
    faulty.link = async (from, to) => {
      await memory.link(from, to);
      await memory.link(from, to);
    };
    expect(await createIfAbsent(faulty, target, Buffer.from("one"))).toBe(true);
    expect(await createIfAbsent(faulty, target, Buffer.from("two"))).toBe(false);
  });
});

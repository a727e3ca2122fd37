import { describe, expect, test } from "vitest";
import { isStateError, type RestoredState } from "@tidemark/core/state";
import { MemoryFileSystem } from "@tidemark/core/storage";
import { change, checkpoint, dump, leaseOn, openStore } from "./store.test.support.js";

const directory = "/state/job/op-0";

/** Writes three batches; gives the segment files and what the store held after each commit. */
async function threeBatches(): Promise<{ files: Map<string, Uint8Array>; states: string[] }> {
  const memory = new MemoryFileSystem();
  const store = await openStore(memory, { durability: "batch", segmentBytes: 1024 });
  const states: string[] = [];
  for (const batch of [0, 1, 2]) {
    for (let step = 0; step < (batch === 2 ? 2 : 12); step += 1) change(store, batch * 12 + step);
    states.push(dump(store));
    await store.commit();
  }
  await store.close();
  const files = new Map<string, Uint8Array>();
  for (const { name } of await memory.list(directory)) files.set(name, await memory.readFile(`${directory}/${name}`));
  return { files, states };
}

/** What opening a store over these files gives: its contents, or the code of the error. */
async function opened(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const memory = new MemoryFileSystem();
  await memory.makeDirectory(directory);
  for (const [name, bytes] of files) await put(memory, `${directory}/${name}`, bytes);
  try {
    const store = await openStore(memory, { durability: "batch" });
    return dump(store);
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}

async function put(memory: MemoryFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  await memory.removeFile(path);
  const file = await memory.createFile(path);
  await file.write(bytes);
  await file.close();
}

describe("rule 25: a local log", () => {
  test("cut short anywhere in the last batch comes back as of the batch before, and whole when whole", async () => {
    const { files, states } = await threeBatches();
    const [, second, third] = states;
    expect(files.size).toBeGreaterThan(1);
    const last = [...files.keys()].at(-1) as string;
    const bytes = files.get(last) as Uint8Array;
    expect(await opened(files)).toBe(third);
    let wasSecond = 0;
    // The last batch has its two changes and the commit in the last segment.
    for (let length = bytes.length - 1; length > bytes.length - 60; length -= 1) {
      const found = await opened(new Map(files).set(last, bytes.slice(0, length)));
      expect(found, `cut to ${length}`).toBe(second);
      wasSecond += 1;
    }
    expect(wasSecond).toBe(59);
    const zeroed = bytes.slice();
    zeroed.fill(0, bytes.length - 30);
    expect(await opened(new Map(files).set(last, zeroed)), "a zero-filled end").toBe(second);
  });

  test("with a flipped bit at any byte of any segment is refused; only in the last record it looks like a torn end", async () => {
    const { files, states } = await threeBatches();
    const last = [...files.keys()].at(-1) as string;
    const commitBytes = 18;
    for (const [name, bytes] of files) {
      for (let position = 0; position < bytes.length; position += 1) {
        const flipped = bytes.slice();
        flipped[position] = (flipped[position] as number) ^ (1 << position % 8);
        const found = await opened(new Map(files).set(name, flipped));
        const isInLastCommit = name === last && position >= bytes.length - commitBytes;
        expect(found, `${name} at ${position} of ${bytes.length}`).toBe(isInLastCommit ? states[1] : "STATE_CORRUPT");
      }
    }
  });

  test("with a segment missing is refused", async () => {
    const { files } = await threeBatches();
    const [first] = files.keys();
    files.delete(first as string);
    expect(await opened(files)).toBe("STATE_CORRUPT");
  });
});

test("rule 25: a checkpoint's segment with a flipped bit or cut anywhere is refused, never cut", async () => {
  const memory = new MemoryFileSystem();
  const lease = await leaseOn(memory);
  const store = await openStore(memory, {});
  for (let step = 0; step < 5; step += 1) change(store, step);
  const restore: RestoredState = await checkpoint(store, lease, 1);
  await store.close();
  const [name] = restore.handles[0]?.files ?? [];
  const { path } = restore.file(name as string);
  const bytes = await memory.readFile(path);
  const codeOf = async (damaged: Uint8Array): Promise<string> => {
    await put(memory, path, damaged);
    return await openStore(memory, {}, { restore }).then(
      () => "no error",
      (error: unknown) => (isStateError(error) ? error.code : String(error)),
    );
  };
  for (let position = 0; position < bytes.length; position += 1) {
    const flipped = bytes.slice();
    flipped[position] = (flipped[position] as number) ^ 4;
    expect(await codeOf(flipped), `byte ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
    expect(await codeOf(bytes.slice(0, position)), `cut to ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
  }
  expect(await codeOf(bytes)).toBe("no error");
});

import { ByteWriter } from "@tidemark/core/state";
import { beforeEach, describe, expect, test } from "vitest";
import { type Change, MemoryBacking, PlainMemory } from "./memory-backing.test.support.js";
import { WriteBackStore } from "./write-back-store.js";

let backing: MemoryBacking;
let store: WriteBackStore<readonly Change[]>;

beforeEach(() => {
  const memory = new PlainMemory();
  backing = new MemoryBacking(memory);
  store = new WriteBackStore(backing, memory, 1024 * 1024, () => undefined);
});

/** Writes a key and ends the layer. */
function freeze(name: number): Promise<void> {
  const key = new ByteWriter();
  key.raw(Uint8Array.of(0, 0, 0, 1, name));
  store.put(key, key);
  return store.freeze();
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("layer queue", () => {
  test("rule 1: two layers may be frozen, and a third when one was drained", async () => {
    const first = freeze(1);
    expect(store.queue.hasSlot).toBe(true);
    void freeze(2);
    expect(store.queue.hasSlot).toBe(false);
    backing.step();
    await first;
    expect(store.queue.hasSlot).toBe(true);
  });

  test("work between two drains has its turn though layers never run out", async () => {
    void freeze(1);
    const second = freeze(2);
    let wasDraining: boolean | undefined;
    const done = store.queue.between(async () => {
      wasDraining = backing.isDraining;
      await turn();
      return "done";
    });
    backing.step();
    expect(await done).toBe("done");
    expect(wasDraining).toBe(false);
    backing.step();
    await second;
    expect(store.drainedLayer).toBe(2);
  });

  test("work behind a layer has its turn right behind it", async () => {
    void freeze(1);
    const second = freeze(2);
    const drained: number[] = [];
    const done = store.queue.between(async () => drained.push(store.drainedLayer), 2);
    backing.step();
    await turn();
    void freeze(3);
    expect(backing.isDraining).toBe(true);
    backing.step();
    await Promise.all([second, done]);
    expect(drained).toEqual([2]);
    await turn();
    expect(backing.isDraining).toBe(true);
  });

  test("work behind a layer that could not be drained counts for nothing", async () => {
    backing.failures = 1;
    const first = freeze(1);
    const done = store.queue.between(async () => "done", 1);
    backing.step();
    await expect(first).rejects.toThrow("drain failed");
    expect(await done).toBeUndefined();
  });

  test("a writer does not wait for such work, which then counts for nothing", async () => {
    void freeze(1);
    let end = (): void => undefined;
    const done = store.queue.between(() => new Promise<string>((resolve) => (end = () => resolve("done"))));
    backing.step();
    await turn();
    const second = freeze(2);
    expect(backing.isDraining).toBe(false);
    expect(store.queue.wait()).toBe(true);
    await second;
    end();
    expect(await done).toBeUndefined();
  });

  test("a drain that failed is the answer to those who wait for the layer behind it too", async () => {
    backing.failures = 1;
    const first = freeze(1);
    const second = freeze(2);
    backing.step();
    await expect(first).rejects.toThrow("drain failed");
    await expect(second).rejects.toThrow("drain failed");
    store.queue.retry();
    backing.step();
    await turn();
    backing.step();
    await turn();
    expect(store.drainedLayer).toBe(2);
  });

  test("a drain that failed says so, and is done when it is tried again", async () => {
    backing.failures = 1;
    const first = freeze(1);
    backing.step();
    await expect(first).rejects.toThrow("drain failed");
    expect(store.queue.failure).toBeInstanceOf(Error);
    store.queue.retry();
    backing.step();
    await turn();
    expect(store.drainedLayer).toBe(1);
    expect(backing.contents.size).toBe(1);
  });
});

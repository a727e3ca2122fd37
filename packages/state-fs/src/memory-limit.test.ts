import { describe, expect, test } from "vitest";
import type { ReadMemory } from "@tidemark/core/state";
import { MemoryFileSystem } from "@tidemark/core/storage";
import { change, checkpoint, count, dump, leaseOn, openStore } from "./store.test.support.js";

const noMemory = expect.objectContaining({ code: "NO_MEMORY" });

/** Memory that is full when a test says so. */
function memoryWith(state: { isFull: boolean }): ReadMemory {
  return () => [{ name: "heap", usedBytes: state.isFull ? 999 : 0, limitBytes: 1_000, advice: "raise it" }];
}

describe("near the memory limit", () => {
  test("a refused change is neither in the state nor in the log, and others go on when there is room", async () => {
    const fileSystem = new MemoryFileSystem();
    const memory = { isFull: true };
    const store = await openStore(fileSystem, { durability: "batch", readMemory: memoryWith(memory) });
    expect(() => change(store, 0)).toThrow(noMemory);
    expect(() => change(store, 2)).toThrow(noMemory);
    expect(() => change(store, 3)).toThrow(noMemory);
    expect(() => change(store, 4)).toThrow(noMemory);
    await store.commit();
    const empty = dump(store);
    await store.close();
    const again = await openStore(fileSystem, { durability: "batch" });
    expect(dump(again)).toBe(empty);
    again.setCurrentKey("a");
    again.getState(count).update(7);
    expect(dump(again)).not.toBe(empty);
    await again.close();
  });

  test("a restore of more than there is memory for is refused, from a checkpoint and from the local log", async () => {
    const fileSystem = new MemoryFileSystem();
    const lease = await leaseOn(fileSystem);
    const store = await openStore(fileSystem, { durability: "batch" });
    for (let step = 0; step < 12; step += 1) change(store, step);
    await store.commit();
    const restore = await checkpoint(store, lease, 1);
    const held = dump(store);
    await store.close();
    const readMemory = memoryWith({ isFull: true });
    await expect(openStore(fileSystem, { durability: "checkpoint", readMemory }, { restore })).rejects.toThrow(noMemory);
    await expect(openStore(fileSystem, { durability: "batch", readMemory })).rejects.toThrow(noMemory);
    const whole = await openStore(fileSystem, { durability: "batch" });
    expect(dump(whole)).toBe(held);
    await whole.close();
  });
});

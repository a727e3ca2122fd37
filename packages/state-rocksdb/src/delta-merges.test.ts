import { listState, int32, string, valueState } from "@tidemark/core/state";
import { BackendHarness } from "@tidemark/core/testing";
import { expect, test } from "vitest";
import { rocksdbBackend } from "./index.js";

const value = valueState("value", string());
const list = listState("list", int32());

test("old deltas are merged while checkpoints go on, over restores and aborts, and nothing is lost or doubled", async () => {
  const harness = await BackendHarness.create(
    (directory) => rocksdbBackend({ directory, deltaRatio: 1e9, deltasMax: 8, memoryBudgetBytes: 4 * 1024 * 1024 }),
    { keySerializer: int32() },
  );
  const values = new Map<number, string>();
  const lists = new Map<number, number[]>();
  try {
    let filesMax = 0;
    for (let life = 0, round = 0; life < 3; life += 1) {
      const state = await harness.open();
      for (const end = round + 25; round < end; round += 1) {
        for (let key = round % 7; key < 40; key += 7) {
          state.setCurrentKey(key);
          if (round % 5 === 4) state.getState(value).clear();
          else state.getState(value).update(`${round}`);
          if (round % 5 === 4) values.delete(key);
          else values.set(key, `${round}`);
          state.getState(list).add(round);
          lists.set(key, [...(lists.get(key) ?? []), round]);
        }
        if (round % 6 === 5) await harness.abortedCheckpoint(round % 4 === 1 ? "early" : "late");
        else filesMax = Math.max(filesMax, (await harness.checkpoint()).length);
      }
      await harness.checkpoint();
      await harness.close();
    }
    const state = await harness.open();
    for (let key = 0; key < 40; key += 1) {
      state.setCurrentKey(key);
      expect(state.getState(value).value()).toBe(values.get(key));
      expect([...state.getState(list).get()]).toEqual(lists.get(key) ?? []);
    }
    // 75 layers of one file each; the base is a file, and what a merge has staged another.
    expect(filesMax).toBeLessThan(20);
  } finally {
    await harness.dispose();
  }
}, 60_000);

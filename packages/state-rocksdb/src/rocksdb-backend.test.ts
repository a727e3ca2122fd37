import type { StateBackend } from "@tidemark/core/state";
import { testStateBackend } from "@tidemark/core/testing";
import { afterAll, describe, expect } from "vitest";
import { rocksdbBackend } from "./index.js";

testStateBackend("rocksdb", (directory) => rocksdbBackend({ directory }), { randomRuns: 10 });

// Nearly every checkpoint begins a new base, and the table holds next to nothing.
testStateBackend(
  "rocksdb with new bases and a small table",
  (directory) => rocksdbBackend({ directory, deltaRatio: 0.05, deltasMax: 1, memoryBudgetBytes: 4 * 1024 * 1024 }),
  { randomRuns: 10 },
);

let mergesDone = 0;
/** Counts the merges of each life before it ends. */
function counting(backend: StateBackend): StateBackend {
  return {
    ...backend,
    open: async (context) => {
      const state = await backend.open(context);
      const close = state.close.bind(state);
      state.close = async () => {
        mergesDone += state.metrics?.()["mergesDone"] ?? 0;
        await close();
      };
      return state;
    },
  };
}

describe("never a new base", () => {
  testStateBackend(
    "rocksdb with merged deltas",
    (directory) => counting(rocksdbBackend({ directory, deltaRatio: 1e9, deltasMax: 2, memoryBudgetBytes: 4 * 1024 * 1024 })),
    { randomRuns: 10 },
  );

  // Not run where all of these are filtered out.
  afterAll(() => expect(mergesDone).toBeGreaterThan(10));
});

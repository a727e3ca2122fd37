import { testStateBackend } from "@tidemark/core/testing";
import { rocksdbBackend } from "./index.js";

testStateBackend("rocksdb", (directory) => rocksdbBackend({ directory }), { randomRuns: 10 });

// Nearly every checkpoint begins a new base, and the table holds next to nothing.
testStateBackend(
  "rocksdb with new bases and a small table",
  (directory) => rocksdbBackend({ directory, deltaRatio: 0.05, deltasMax: 1, memoryBudgetBytes: 4 * 1024 * 1024 }),
  { randomRuns: 10 },
);

// Never a new base: deltas are merged all the time.
testStateBackend(
  "rocksdb with merged deltas",
  (directory) => rocksdbBackend({ directory, deltaRatio: 1e9, deltasMax: 2, memoryBudgetBytes: 4 * 1024 * 1024 }),
  { randomRuns: 10 },
);

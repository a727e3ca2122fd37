import type { StateBackend } from "@tidemark/core/state";
import { type DatabaseTuning, rocksdbBackend } from "@tidemark/state-rocksdb";
import { join } from "node:path";

/** A backend with a memory budget for one subtask. Throws for systems that have none. */
export function budgetedBackend(
  system: string,
  directory: string,
  memoryBudgetBytes: number,
  database: DatabaseTuning = {},
): StateBackend {
  if (system !== "rocksdb") throw new Error(`${system} has no memory budget`);
  return rocksdbBackend({ directory: join(directory, "databases"), memoryBudgetBytes, database });
}

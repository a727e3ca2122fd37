import { heapMiB } from "../machine.js";
import type { SettingOptions } from "../question.js";
import type { Parameters } from "../row.js";

/** What the questions about checkpoints of a large state have in common. */
export const largeState = {
  size: { kind: "bytes", standard: 2 ** 30, quick: 16 * 2 ** 20 },
  systems: ["memory", "fs", "rocksdb", "flink-hashmap", "flink-rocksdb", "flink-changelog"],
  /** An estimate: two bases and the deltas of one in the checkpoints, the database and what its compactions write anew. */
  diskBytes: (size: number): number => 4.5 * size + 2 ** 28,
  tooLarge: (system: string, size: number): string | undefined =>
    inMemory.has(system) && size > memoryLimit ? "it keeps its state in memory, and 2 GiB is the most that is asked of it" : undefined,
} as const;

const inMemory = new Set(["memory", "fs", "flink-hashmap"]);
const memoryLimit = 2 ** 31;
const valueBytes = 1024;

/** Settings of a job that keeps incompressible values of 1 KiB. `size` counts their bytes. */
export function largeStateSettings({ size, isQuick }: SettingOptions): Parameters {
  return {
    keys: keysIn(size),
    valueBytes,
    seed: 1,
    checks: isQuick ? 20_000 : 1_000_000,
    budgetBytes: 256 * 2 ** 20,
    heapMiB: heapMiB(isQuick ? 1024 : 6144),
    pageCache: "warm",
  };
}

/**
 * For figures of single milliseconds: collecting short-lived objects stops the thread until other threads have done their part, which they
 * do late where two processors are shared with a checkpoint's drain, hashing and compaction. docs/rocksdb-backend.md advises it.
 */
export const lowLatency: Parameters = { nodeOptions: "--no-parallel-scavenge" };

export function keysIn(size: number): number {
  return Math.max(1, Math.floor(size / valueBytes));
}

import { StateError } from "@tidemark/core/state";
import type { DatabaseTuning } from "./database-tuning.js";

/** A set of options for a kind of machine. */
export type RocksDBPreset = "fast-disk" | "low-memory";

interface PresetOptions {
  readonly memoryBudgetBytes?: number;
  readonly database: DatabaseTuning;
}

/** docs/rocksdb-backend.md has them in a table. */
export const presets: Readonly<Record<RocksDBPreset, PresetOptions>> = {
  "fast-disk": { database: { maxBackgroundJobs: 4, compression: "none", blockSizeBytes: 4 * 1024 } },
  "low-memory": {
    memoryBudgetBytes: 64 * 1024 * 1024,
    database: { blockSizeBytes: 16 * 1024, compression: "lz4", maxBackgroundJobs: 1, indexAndFilters: "partitioned" },
  },
};

/** The options with those of the preset where nothing is said. Throws StateError INVALID_CONFIGURATION. */
export function withPreset<O extends { readonly preset?: RocksDBPreset; readonly database?: DatabaseTuning }>(options: O): O {
  const { preset, database } = options;
  if (preset === undefined) return options;
  if (typeof preset !== "string" || !Object.hasOwn(presets, preset)) {
    const known = Object.keys(presets).map((name) => JSON.stringify(name)).join(", ");
    const got = JSON.stringify(preset) ?? String(preset);
    throw new StateError("INVALID_CONFIGURATION", `preset of rocksdbBackend() must be one of ${known}, got ${got}`);
  }
  const { database: tuning, ...rest } = presets[preset];
  return { ...rest, ...given(options), database: { ...tuning, ...given(database ?? {}) } };
}

/** Without what is undefined, which would hide the preset's. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

import type { OpenOptions } from "@tidemark/rocksdb";
import { StateError } from "@tidemark/core/state";

/** Where RocksDB keeps the index and filter blocks of its files. */
export type IndexAndFilters = "partitioned" | "charged" | "outside";

/** Tuning of RocksDB; each has a measured default. */
export interface DatabaseTuning {
  /** Cache of data, index and filter blocks; 0 for none, then `indexAndFilters` must be "outside". Default a quarter of the budget. */
  readonly blockCacheBytes?: number;
  /** 256 bytes to 16 MiB, default 4 KiB. Larger blocks: less index, slower reads of single keys. */
  readonly blockSizeBytes?: number;
  /** 0 to 64, 0 for no filter; default 10. Files of the last level have three fifths of it. */
  readonly bloomBitsPerKey?: number;
  /** Default "level". "universal" compacts less and needs more space. */
  readonly compactionStyle?: "level" | "universal";
  /** Default "none". */
  readonly compression?: "none" | "lz4" | "zstd";
  /** Compactions at once; 1 to 64, default 2. */
  readonly maxBackgroundJobs?: number;
  /**
   * "partitioned" (default): in pieces, in the block cache, where those not in use make room. "charged": whole and always in memory, taken
   * from the block cache, which they can fill and exceed. "outside": whole, always in memory, on top of the budget.
   */
  readonly indexAndFilters?: IndexAndFilters;
  /** Count what RocksDB does, for the metrics of block cache and stalls. Default true. */
  readonly statistics?: boolean;
  /** RocksDB's own options of a column family, under RocksDB's names, over all others: `{ target_file_size_base: "32M" }`. */
  readonly columnFamilyOptions?: Readonly<Record<string, string>>;
  /** RocksDB's own options of a database: `{ max_open_files: "1000" }`. */
  readonly databaseOptions?: Readonly<Record<string, string>>;
}

type Check = readonly [isRight: (value: unknown) => boolean, wanted: string];

const number = (smallest: number, largest: number): Check => [
  (value) => Number.isInteger(value) && (value as number) >= smallest && (value as number) <= largest,
  `a whole number from ${smallest} to ${largest}`,
];
const word = (...words: readonly string[]): Check => [
  (value) => words.includes(value as string),
  `one of ${words.map((choice) => JSON.stringify(choice)).join(", ")}`,
];
const names: Check = [
  (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((text) => typeof text === "string"),
  'an object of RocksDB\'s names with texts as values, as in { max_open_files: "1000" }',
];

const checks: Readonly<Record<keyof DatabaseTuning, Check>> = {
  blockCacheBytes: number(0, 2 ** 40),
  blockSizeBytes: number(256, 2 ** 24),
  bloomBitsPerKey: [(value) => typeof value === "number" && value >= 0 && value <= 64, "a number from 0 to 64"],
  compactionStyle: word("level", "universal"),
  compression: word("none", "lz4", "zstd"),
  maxBackgroundJobs: number(1, 64),
  indexAndFilters: word("partitioned", "charged", "outside"),
  statistics: [(value) => typeof value === "boolean", "true or false"],
  columnFamilyOptions: names,
  databaseOptions: names,
};

/** Throws StateError INVALID_CONFIGURATION. RocksDB's own options are checked when the database is opened. */
export function checkTuning(tuning: unknown): void {
  if (tuning === undefined) return;
  if (typeof tuning !== "object" || tuning === null || Array.isArray(tuning)) throw wrong("database", "an object", tuning);
  for (const [name, value] of Object.entries(tuning)) {
    if (!Object.hasOwn(checks, name)) {
      const all = Object.keys(checks).join(", ");
      throw new StateError("INVALID_CONFIGURATION", `database.${name} is not an option of rocksdbBackend(); there are ${all}`);
    }
    const [isRight, wanted] = checks[name as keyof DatabaseTuning];
    if (value !== undefined && !isRight(value)) throw wrong(`database.${name}`, wanted, value);
  }
  const { blockCacheBytes, indexAndFilters } = tuning as DatabaseTuning;
  if (blockCacheBytes === 0 && indexAndFilters !== "outside") {
    throw new StateError(
      "INVALID_CONFIGURATION",
      "database.blockCacheBytes of rocksdbBackend() is 0, so index and filters have no place in it: " +
        'give a cache, or set database.indexAndFilters to "outside"',
    );
  }
}

function wrong(name: string, wanted: string, value: unknown): StateError {
  const got = typeof value === "string" ? JSON.stringify(value) : Array.isArray(value) ? "an array" : String(value);
  return new StateError("INVALID_CONFIGURATION", `${name} of rocksdbBackend() must be ${wanted}, got ${got}`);
}

const placeOf: Readonly<Record<IndexAndFilters, OpenOptions>> = {
  partitioned: { cacheIndexAndFilterBlocks: true, partitionedIndex: true, chargeMemtables: true },
  charged: { chargeTableReaders: true, chargeMemtables: true },
  outside: {},
};

/**
 * Nearly all keys are in the last level, so smaller filters there leave the block cache more room
 * (docs/decisions/0009-index-and-filters-in-the-block-cache.md); more looks for a key that is nowhere read a block for it.
 */
const lastLevelBloomPercent = 60;

/** The binding's options for a tuning. */
export function openOptions(tuning: DatabaseTuning, blockCacheBytes: number, targetFileBytes: number): OpenOptions {
  const { indexAndFilters = "partitioned", columnFamilyOptions, ...rest } = tuning;
  return {
    errorIfExists: true,
    statistics: true,
    lastLevelBloomPercent,
    blockCacheBytes,
    ...placeOf[indexAndFilters],
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
    columnFamilyOptions: { target_file_size_base: String(targetFileBytes), ...columnFamilyOptions },
  };
}

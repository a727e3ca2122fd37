import { RocksDBError } from "./errors.js";
import { cacheIdOf, type SharedCache } from "./shared-cache.js";

/**
 * How `merge` combines operands, fixed per column family for its whole life.
 * `list-append`: byte strings are concatenated. `int64-add`: 8-byte little-endian two's complement numbers are added and
 * wrap around; reading a key whose value has another length fails with `STATE_CORRUPT`.
 */
export type MergeOperator = "none" | "list-append" | "int64-add";

export interface ColumnFamilyOptions {
  readonly name: string;
  /** Default "none". */
  readonly mergeOperator?: MergeOperator;
}

/** Options of `Database.open`. Those about tables and compaction hold for all column families. */
export interface OpenOptions {
  /** Default true. */
  readonly createIfMissing?: boolean;
  /** Default false. */
  readonly errorIfExists?: boolean;
  /** Memtable size of a column family; at least 64 KiB, default 64 MiB. */
  readonly writeBufferSizeBytes?: number;
  /** Memtables of a column family before writes wait for a flush; 2 to 64, default 4. */
  readonly maxWriteBufferNumber?: number;
  /** Cache of uncompressed blocks, shared by the column families; 0 = none, default 64 MiB. */
  readonly blockCacheBytes?: number;
  /** A cache that other databases use too; then blockCacheBytes means nothing. */
  readonly blockCache?: SharedCache;
  /** Put index and filters into the cache, where they can be evicted, instead of beside it for as long as a file is open. Default false. */
  readonly cacheIndexAndFilterBlocks?: boolean;
  /** Index and filters in blocks of their own, so that a part of them can be cached. Default false. */
  readonly partitionedIndex?: boolean;
  /** Count what open files hold outside of the cache (mainly index and filters) against its capacity. Default false. */
  readonly chargeTableReaders?: boolean;
  /** Count memtables against the cache's capacity. Default false. */
  readonly chargeMemtables?: boolean;
  /** Sizes of filters that waste no memory of the allocator. Default true. */
  readonly optimizeFiltersForMemory?: boolean;
  /** 256 bytes to 16 MiB, default 4 KiB: larger blocks made random reads from the page cache 30 % slower. */
  readonly blockSizeBytes?: number;
  /** 0 to 64, 0 = no filter, default 10. */
  readonly bloomBitsPerKey?: number;
  /** How many of these bits files in the last level have, in percent; 0 to 100, default 100. */
  readonly lastLevelBloomPercent?: number;
  /** Default "none". */
  readonly compression?: "none" | "lz4" | "zstd";
  /** Default "level". */
  readonly compactionStyle?: "level" | "universal";
  /** Flushes and compactions at once; 1 to 64, default 2: one of each. */
  readonly maxBackgroundJobs?: number;
  /** Level-0 files that start a compaction; default 4. */
  readonly level0CompactionTrigger?: number;
  /** Level-0 files at which writes are slowed down; default 1000, because an imported chain of deltas has many. */
  readonly level0SlowdownTrigger?: number;
  /** Level-0 files at which writes stop; default 1000. */
  readonly level0StopTrigger?: number;
  /** Default false. */
  readonly disableAutoCompactions?: boolean;
  /** Default false: writes since the last flush are lost at a crash, and at close unless flushOnClose is set. */
  readonly writeAheadLog?: boolean;
  /** Default false. */
  readonly flushOnClose?: boolean;
  /** Write warnings to the file LOG in the directory. Default false. */
  readonly infoLog?: boolean;
  /** Count what happens, for `Database.statistics`. Default false. */
  readonly statistics?: boolean;
  /**
   * RocksDB's own options of column families under RocksDB's names, applied after all others here:
   * `{ target_file_size_base: "16M", block_based_table_factory: "{block_align=true}" }`. The binding's own cannot be set.
   */
  readonly columnFamilyOptions?: Readonly<Record<string, string>>;
  /** The same for RocksDB's options of databases: `{ bytes_per_sync: "0" }`. */
  readonly databaseOptions?: Readonly<Record<string, string>>;
  /** All column families of the database; missing ones are created. "default" always exists, as number 0. */
  readonly columnFamilies?: readonly ColumnFamilyOptions[];
}

/** OpenOptions with every default filled in; what the binding takes. */
export type CompleteOptions = Required<
  Omit<OpenOptions, "columnFamilies" | "blockCache" | "columnFamilyOptions" | "databaseOptions">
> & {
  readonly columnFamilies: readonly Required<ColumnFamilyOptions>[];
  /** 0 = a cache of its own. */
  readonly blockCacheId: number;
  /** Name, value, name, value, ... */
  readonly columnFamilyOptions: readonly string[];
  readonly databaseOptions: readonly string[];
};

/** What is given as it is, with its default; completeOptions makes the rest out of OpenOptions. */
const DEFAULTS = {
  createIfMissing: true,
  errorIfExists: false,
  writeBufferSizeBytes: 64 * 1024 * 1024,
  maxWriteBufferNumber: 4,
  blockCacheBytes: 64 * 1024 * 1024,
  blockSizeBytes: 4096,
  bloomBitsPerKey: 10,
  lastLevelBloomPercent: 100,
  compression: "none",
  compactionStyle: "level",
  maxBackgroundJobs: 2,
  level0CompactionTrigger: 4,
  level0SlowdownTrigger: 1000,
  level0StopTrigger: 1000,
  disableAutoCompactions: false,
  writeAheadLog: false,
  flushOnClose: false,
  infoLog: false,
  cacheIndexAndFilterBlocks: false,
  partitionedIndex: false,
  chargeTableReaders: false,
  chargeMemtables: false,
  optimizeFiltersForMemory: true,
  statistics: false,
} as const;

const MADE_OPTIONS = ["columnFamilies", "blockCache", "columnFamilyOptions", "databaseOptions"];

function checkFamily(family: unknown, index: number): Required<ColumnFamilyOptions> {
  if (typeof family !== "object" || family === null) {
    throw new RocksDBError("INVALID_ARGUMENT", `columnFamilies[${index}] must be an object with a name`);
  }
  const { name, mergeOperator = "none" } = family as ColumnFamilyOptions;
  if (typeof name !== "string") {
    throw new RocksDBError("INVALID_ARGUMENT", `columnFamilies[${index}].name must be a string`);
  }
  return { name, mergeOperator };
}

function flattened(name: string, options: unknown): string[] {
  if (options === undefined) return [];
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new RocksDBError("INVALID_ARGUMENT", `option ${name} must be an object of names and values`);
  }
  return Object.entries(options).flatMap(([key, value]) => {
    if (typeof value !== "string") throw new RocksDBError("INVALID_ARGUMENT", `${name}.${key} must be a string`);
    return [key, value];
  });
}

/**
 * Fills the defaults in. Names and types are checked here; ranges, words and duplicates natively.
 * Throws RocksDBError INVALID_ARGUMENT.
 */
export function completeOptions(options: OpenOptions): CompleteOptions {
  if (typeof options !== "object" || options === null) {
    throw new RocksDBError("INVALID_ARGUMENT", "options must be an object");
  }
  const complete: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (MADE_OPTIONS.includes(name)) continue;
    if (!Object.hasOwn(DEFAULTS, name)) {
      const known = [...Object.keys(DEFAULTS), ...MADE_OPTIONS].join(", ");
      throw new RocksDBError("INVALID_ARGUMENT", `unknown option ${name}; known: ${known}`);
    }
    if (value === undefined) continue;
    const expected = typeof DEFAULTS[name as keyof typeof DEFAULTS];
    if (typeof value !== expected) {
      throw new RocksDBError("INVALID_ARGUMENT", `option ${name} must be a ${expected}, not a ${typeof value}`);
    }
    complete[name] = value;
  }
  const families: unknown = options.columnFamilies ?? [];
  if (!Array.isArray(families)) throw new RocksDBError("INVALID_ARGUMENT", "option columnFamilies must be an array");
  complete["columnFamilies"] = families.map(checkFamily);
  complete["blockCacheId"] = cacheIdOf(options.blockCache);
  complete["columnFamilyOptions"] = flattened("columnFamilyOptions", options.columnFamilyOptions);
  complete["databaseOptions"] = flattened("databaseOptions", options.databaseOptions);
  return complete as unknown as CompleteOptions;
}

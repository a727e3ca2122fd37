import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";

import { RocksDBError } from "./errors.js";
import type { FlushOutput, ImportSource, LiveFile } from "./files.js";
import type { MergeInput } from "./merge-tables.js";
import type { MemoryUsage } from "./metrics.js";
import type { CompleteOptions, MergeOperator } from "./options.js";
import type { CacheUsage } from "./shared-cache.js";
import type { ExpiringState, TtlStatistics } from "./ttl.js";
import type { WrittenTable } from "./written-table.js";

export interface OpenResult {
  readonly handle: number;
  readonly columnFamilies: readonly { readonly id: number; readonly name: string; readonly mergeOperator: MergeOperator }[];
}

/** Which RocksDB this is and how the binding was built. */
export interface BindingVersion {
  readonly rocksdb: string;
  readonly flags: string;
  readonly commit: string;
  readonly binding: string;
}

/** The functions of the addon; native/functions.h says what each returns. */
export interface NativeBinding {
  open(path: string, options: CompleteOptions): Promise<OpenResult>;
  isInUse(path: string): boolean;
  close(database: number): Promise<void>;
  prepareExit(): void;
  get(database: number, family: number, snapshot: number, key: Uint8Array, keyLength: number, out: Uint8Array): number;
  multiGet(
    database: number,
    family: number,
    snapshot: number,
    keys: Uint8Array,
    keysLength: number,
    count: number,
    out: Uint8Array,
    ranges: Int32Array,
  ): number;
  takeSnapshot(database: number): number;
  releaseSnapshot(database: number, snapshot: number): void;
  property(database: number, family: number, name: string): string | undefined;
  latestSequenceNumber(database: number): number;
  write(database: number, records: Uint8Array, length: number, isSynced: boolean): number;
  openIterator(
    database: number,
    family: number,
    snapshot: number,
    flags: number,
    bounds: Uint8Array,
    lowerLength: number,
    upperLength: number,
  ): number;
  nextChunk(database: number, iterator: number, out: Uint8Array, maxEntries: number): number;
  seekIterator(database: number, iterator: number, target: Uint8Array, keyLength: number, upperLength: number): void;
  closeIterator(database: number, iterator: number): void;
  flush(database: number, families: readonly number[]): Promise<void>;
  takeFlushOutputs(database: number): FlushOutput[];
  setFlushLinkDirectory(database: number, directory: string): void;
  compactRange(database: number, family: number): Promise<void>;
  resume(database: number): Promise<void>;
  createTableMemory(): number;
  addTableChunk(memory: number, sizeBytes: number): ArrayBuffer;
  allocateTableBlock(memory: number, sizeBytes: number, id: Uint32Array): ArrayBuffer;
  freeTableBlock(memory: number, id: number, buffer: ArrayBuffer): void;
  tableMemorySize(memory: number): number;
  closeTableMemory(memory: number): void;
  drain(
    database: number,
    family: number,
    memory: number,
    segments: Uint32Array,
    segmentCount: number,
    segmentBytes: number,
    chunkShift: number,
    layer: number,
    directory: string,
    filePrefix: string,
    targetFileBytes: number,
    /** 0xffffffff for none. */
    progressBlock: number,
  ): Promise<WrittenTable[]>;
  waitForCollected(database: number): boolean;
  waitForDrain(database: number, atMostMs: number): boolean | undefined;
  isDraining(database: number): boolean;
  mergeTables(
    database: number,
    family: number,
    inputs: readonly MergeInput[],
    directory: string,
    filePrefix: string,
    targetFileBytes: number,
  ): Promise<WrittenTable[]>;
  cancelMerges(database: number): void;
  liveFiles(database: number, family: number): LiveFile[];
  pinLiveFiles(database: number, families: readonly number[], directory: string): Promise<LiveFile[]>;
  importFiles(database: number, name: string, mergeOperator: MergeOperator, sources: readonly ImportSource[]): Promise<number>;
  clipColumnFamily(database: number, family: number, lower: Uint8Array, upper: Uint8Array, hasUpper: boolean): Promise<void>;
  deleteFilesInRange(database: number, family: number, lower: Uint8Array, upper: Uint8Array, hasUpper: boolean): Promise<void>;
  createSharedCache(capacityBytes: number): number;
  sharedCacheUsage(cache: number): CacheUsage;
  setSharedCacheCapacity(cache: number, capacityBytes: number): void;
  closeSharedCache(cache: number): boolean;
  memoryUsage(database: number): MemoryUsage;
  statistics(database: number): Record<string, number>;
  dropColumnFamily(database: number, family: number): Promise<void>;
  setOptions(database: number, family: number, namesAndValues: readonly string[]): Promise<void>;
  setTtl(database: number, family: number, states: readonly ExpiringState[]): void;
  keepKeyGroups(database: number, family: number, first: number, last: number): void;
  setTtlClock(database: number, nowMs: number): void;
  ttlStatistics(database: number): TtlStatistics;
  version(): BindingVersion;
  setErrorClass(errorClass: typeof RocksDBError): void;
  noOperation(value: number): number;
}

/** Set to an absolute path to load another build of the addon (a sanitizer build, say). */
const OVERRIDE = "TIDEMARK_ROCKSDB_BINDING";

let loaded: NativeBinding | undefined;

function findBinding(): string {
  const override = process.env[OVERRIDE];
  if (override !== undefined && override !== "") {
    if (!isAbsolute(override)) throw new RocksDBError("NATIVE_BINDING_MISSING", `${OVERRIDE} must be an absolute path`);
    if (!existsSync(override)) {
      throw new RocksDBError("NATIVE_BINDING_MISSING", `${OVERRIDE} names ${override}, which does not exist`);
    }
    return override;
  }
  const name = `prebuilds/${process.platform}-${process.arch}/tidemark_rocksdb.node`;
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (existsSync(path)) return path;
  throw new RocksDBError(
    "NATIVE_BINDING_MISSING",
    `the native part of @tidemark/rocksdb is not built (${name} is missing). ` +
      "In a checkout run: npm run setup. In an installed package run: npx tidemark-rocksdb-build",
  );
}

/** The addon, loaded at the first call. Throws RocksDBError NATIVE_BINDING_MISSING. */
export function loadNative(): NativeBinding {
  if (loaded !== undefined) return loaded;
  const path = findBinding();
  let native: NativeBinding;
  try {
    native = createRequire(import.meta.url)(path) as NativeBinding;
  } catch (cause) {
    const advice = "build it again (npm run setup, or npx tidemark-rocksdb-build in an installed package)";
    throw new RocksDBError("NATIVE_BINDING_MISSING", `${path} cannot be loaded: ${advice}`, { cause });
  }
  native.setErrorClass(RocksDBError);
  // process.exit() joins RocksDB's threads; without this it would wait for a running compaction to end.
  process.once("exit", () => native.prepareExit());
  loaded = native;
  return native;
}

/** RocksDB's version, the flags and the commit it was built with, and the variant of the binding. */
export function version(): BindingVersion {
  return loadNative().version();
}

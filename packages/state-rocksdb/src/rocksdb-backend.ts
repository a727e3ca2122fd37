import { randomBytes } from "node:crypto";
import { Database, RocksDBError, TableMemory } from "@tidemark/rocksdb";
import {
  isSavepoint, type KeyedStateBackend, type KeyedStateContext, type StateBackend, StateError, StateRegistry,
} from "@tidemark/core/state";
import type { ChainTable } from "./checkpoint-chain.js";
import { checkTuning, type DatabaseTuning, openOptions } from "./database-tuning.js";
import { asStateError } from "./errors.js";
import { copyBorrowed } from "./key-group-copy.js";
import { type DrainedLayer, RocksDBBacking } from "./rocksdb-backing.js";
import { type BackendParts, RocksDBKeyedStateBackend } from "./rocksdb-keyed-state-backend.js";
import { emptyDatabase, restoreDatabase, type RestoredDatabase } from "./rocksdb-restore.js";
import { LevelZeroGuard } from "./level-zero-guard.js";
import { localFiles } from "./local-files.js";
import { loadSavepoint } from "./savepoint-load.js";
import { splitMemory } from "./memory-split.js";
import { type RocksDBPreset, withPreset } from "./presets.js";
import { createWorkingDirectory, removeAbandoned, type WorkingDirectory } from "./working-directory.js";
import { WriteBackStore } from "./write-back/write-back-store.js";

/** Options of rocksdbBackend(). */
export interface RocksDBBackendOptions {
  /** Local directory for the open databases: scratch space, best on the same filesystem as the checkpoints, which are then hard links. */
  readonly directory: string;
  /** Options for a kind of machine; what else is given here wins over them. */
  readonly preset?: RocksDBPreset;
  /** Memory of the database of one operator and subtask: table, block cache and buffers. 4 MiB to 1 TiB; default 256 MiB. */
  readonly memoryBudgetBytes?: number;
  /**
   * A checkpoint adds what changed. When these additions hold more than this many times the bytes of the base, a new base is uploaded
   * along with the next checkpoints. A smaller number restores faster and uploads more: about 1 + 1 / ratio times what changed. Default 1.
   */
  readonly deltaRatio?: number;
  /**
   * When a checkpoint consists of more additions than this, old ones are merged into fewer: each slows reads after a restore until
   * RocksDB compacted it. Until a merge is uploaded there may be twice as many. A small number uploads more. Default 60.
   */
  readonly deltasMax?: number;
  /** Tuning of RocksDB; each has a measured default. */
  readonly database?: DatabaseTuning;
}

const known = new Set(["directory", "preset", "memoryBudgetBytes", "deltaRatio", "deltasMax", "database"]);

const defaultBudgetBytes = 256 * 1024 * 1024;
const smallestBudgetBytes = 4 * 1024 * 1024;
const largestBudgetBytes = 2 ** 40;
/** Small enough that a new base can be uploaded a little with each checkpoint. */
const targetFileBytes = 16 * 1024 * 1024;

/**
 * Keeps state in RocksDB on local disk: for state that grows past memory. What changed since the last checkpoint is in memory; a
 * checkpoint writes it out as table files, and adds only those.
 * @throws StateError INVALID_CONFIGURATION
 * @example job("count", build, { backend: rocksdbBackend({ directory: "state" }) })
 */
export function rocksdbBackend(given: RocksDBBackendOptions): StateBackend {
  if (typeof given !== "object" || given === null) {
    throw new StateError("INVALID_CONFIGURATION", 'rocksdbBackend() needs options, at least { directory: "..." }');
  }
  checkTuning(given.database);
  const options = withPreset(given);
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw new StateError("INVALID_CONFIGURATION", `${name} is not an option of rocksdbBackend(); there are ${[...known].join(", ")}`);
  }
  if (typeof options.directory !== "string" || options.directory === "") {
    throw new StateError("INVALID_CONFIGURATION", "rocksdbBackend() needs a directory for its databases");
  }
  checkNumber("memoryBudgetBytes", options.memoryBudgetBytes, smallestBudgetBytes, largestBudgetBytes);
  checkNumber("deltaRatio", options.deltaRatio, 0);
  checkNumber("deltasMax", options.deltasMax, 1);
  checkTuning(options.database);
  return Object.freeze({
    name: "rocksdb",
    restoresBy: "link" as const,
    open: <K>(context: KeyedStateContext<K>) => openBackend(options, context),
  });
}

function checkNumber(name: string, value: number | undefined, smallest: number, largest = Infinity): void {
  if (value === undefined || (typeof value === "number" && value >= smallest && value <= largest)) return;
  const range = largest === Infinity ? `from ${smallest} on` : `from ${smallest} to ${largest}`;
  throw new StateError("INVALID_CONFIGURATION", `${name} of rocksdbBackend() must be a number ${range}, got ${String(value)}`);
}

async function openBackend<K>(options: RocksDBBackendOptions, context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> {
  const working = await createWorkingDirectory(options.directory, randomBytes(4).toString("hex"), context);
  const { tableBytes, blockCacheBytes } = splitMemory(options.memoryBudgetBytes ?? defaultBudgetBytes);
  const opening = opened(Database.open(working.database, openOptions(options.database ?? {}, blockCacheBytes, targetFileBytes)));
  opening.catch(() => undefined);
  try {
    return new RocksDBKeyedStateBackend(context, await openParts(options, context, working, opening, tableBytes));
  } catch (error) {
    await opening.then((database) => database.close()).catch(() => undefined);
    await context.fileSystem.removeDirectory(working.root).catch(() => undefined);
    throw error;
  }
}

/** An argument that only RocksDB can judge, an option of its own, is wrong in the job's configuration. */
async function opened(opening: Promise<Database>): Promise<Database> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof RocksDBError) || error.code !== "INVALID_ARGUMENT") throw asStateError(error);
    throw new StateError("INVALID_CONFIGURATION", `database of rocksdbBackend(): ${error.message}`, { cause: error });
  }
}

async function openParts<K>(
  options: RocksDBBackendOptions,
  context: KeyedStateContext<K>,
  working: WorkingDirectory,
  opening: Promise<Database>,
  tableBytes: number,
): Promise<BackendParts> {
  const { restore } = context;
  const isFromCheckpoint = restore !== undefined && !isSavepoint(restore);
  let cleaning: Promise<void> | undefined;
  const clean = (): Promise<void> => (cleaning ??= removeAbandoned(options.directory, working, context).catch(() => undefined));
  const places = { working, elsewhere: localFiles(options.directory, working, context), makeRoom: clean };
  const restored = isFromCheckpoint
    ? await restoreDatabase(opening, places, context, restore)
    : await emptyDatabase(await opening, new StateRegistry(context.stateIds));
  const database = await opening;
  const memory = TableMemory.create();
  const backing = new RocksDBBacking({
    database, memory, targetFileBytes,
    columnFamily: restored.columnFamily,
    directory: working.drained,
    isEmpty: restored.isEmpty,
  });
  const levelZero = new LevelZeroGuard(database, restored.columnFamily);
  const store = new WriteBackStore(backing, memory, tableBytes, (layer) => {
    restored.chain.add(chainTables(layer));
    levelZero.check();
  });
  const policy = { deltaRatio: options.deltaRatio ?? 1, deltasMax: options.deltasMax ?? 60 };
  const registry = await fill(context, database, store, restored);
  const hasStatistics = options.database?.statistics ?? true;
  // Not before: the restore may have taken files from there. Nobody waits for it; what cannot be removed now is tried by the next life.
  return { database, memory, store, working, cleaned: clean(), restored: { ...restored, registry }, policy, hasStatistics };
}

/** Writes to the table what did not come with the database. */
async function fill<K>(
  context: KeyedStateContext<K>,
  database: Database,
  store: WriteBackStore<DrainedLayer>,
  restored: RestoredDatabase,
): Promise<StateRegistry> {
  const { restore } = context;
  await copyBorrowed(database, restored.borrowed, store);
  if (restore === undefined || !isSavepoint(restore)) return restored.registry;
  return await loadSavepoint(context, restore, store);
}

function chainTables({ layer, files }: DrainedLayer): ChainTable[] {
  return files.map(({ path, sizeBytes, ...file }) => {
    const { uniqueId, sequence, smallestKey, largestKey, smallestInternalKey, largestInternalKey } = file;
    const table = {
      uniqueId, smallestKey, largestKey, smallestInternalKey, largestInternalKey,
      level: 0, epoch: 0, smallestSequence: sequence, largestSequence: sequence,
    };
    return { table, sizeBytes, layer, path, reference: undefined };
  });
}

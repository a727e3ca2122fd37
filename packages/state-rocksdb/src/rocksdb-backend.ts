import { randomBytes } from "node:crypto";
import { Database, type OpenOptions } from "@tidemark/rocksdb";
import { type KeyedStateBackend, type KeyedStateContext, type StateBackend, StateError } from "@tidemark/core/state";
import { translated } from "./errors.js";
import { RocksDBKeyedStateBackend } from "./rocksdb-keyed-state-backend.js";
import { restoreDatabase } from "./rocksdb-restore.js";
import { createWorkingDirectory, removeAbandoned } from "./working-directory.js";

/** Options of rocksdbBackend(). */
export interface RocksDBBackendOptions {
  /** Local directory for the open databases: scratch space, best on the same filesystem as the checkpoints, which are then hard links. */
  readonly directory: string;
  /** Tuning of RocksDB; each has a measured default. */
  readonly database?: Pick<
    OpenOptions,
    | "blockCacheBytes"
    | "blockSizeBytes"
    | "bloomBitsPerKey"
    | "compactionStyle"
    | "compression"
    | "maxBackgroundJobs"
    | "maxWriteBufferNumber"
    | "writeBufferSizeBytes"
  >;
}

const known = new Set(["directory", "database"]);

/**
 * Keeps state in RocksDB on local disk: for state that grows past memory. A checkpoint adds only the table files that no
 * earlier one holds.
 * @throws StateError INVALID_CONFIGURATION
 * @example job("count", build, { backend: rocksdbBackend({ directory: "state" }) })
 */
export function rocksdbBackend(options: RocksDBBackendOptions): StateBackend {
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw new StateError("INVALID_CONFIGURATION", `${name} is not an option of rocksdbBackend(); there are ${[...known].join(", ")}`);
  }
  if (typeof options.directory !== "string" || options.directory === "") {
    throw new StateError("INVALID_CONFIGURATION", "rocksdbBackend() needs a directory for its databases");
  }
  return Object.freeze({ name: "rocksdb", open: <K>(context: KeyedStateContext<K>) => openBackend(options, context) });
}

async function openBackend<K>(options: RocksDBBackendOptions, context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> {
  const working = await createWorkingDirectory(options.directory, randomBytes(4).toString("hex"), context);
  let database: Database | undefined;
  try {
    await removeAbandoned(options.directory, working, context);
    database = await translated(Database.open(working.database, { ...options.database, errorIfExists: true }));
    const restored = await restoreDatabase(database, working, context);
    return new RocksDBKeyedStateBackend(context, database, working, restored);
  } catch (error) {
    await database?.close().catch(() => undefined);
    await context.fileSystem.removeDirectory(working.root).catch(() => undefined);
    throw error;
  }
}

import { join } from "node:path";
import type { Database, ImportFile } from "@tidemark/rocksdb";
import { type KeyedStateContext, StateError, StateRegistry } from "@tidemark/core/state";
import { type FileReference, type FileSystem, isLinkImpossible } from "@tidemark/core/storage";
import { type CheckpointTable, parseDescription } from "./description.js";
import { translated } from "./errors.js";
import type { WorkingDirectory } from "./working-directory.js";

/** The column family that holds all states. */
const stateFamily = "state";
/** Lists are appended to; no other kind of state merges. */
const mergeOperator = "list-append";

export interface RestoredDatabase {
  readonly columnFamily: number;
  readonly registry: StateRegistry;
  /** Files that checkpoints already hold, by the table's unique id. */
  readonly known: ReadonlyMap<string, FileReference>;
}

/** Fills a fresh database with what a checkpoint held, by hard links where possible, or with nothing. */
export async function restoreDatabase<K>(
  database: Database,
  working: WorkingDirectory,
  context: KeyedStateContext<K>,
): Promise<RestoredDatabase> {
  const { restore, fileSystem } = context;
  if (restore === undefined) {
    return {
      columnFamily: await translated(database.createColumnFamily(stateFamily, mergeOperator)),
      registry: new StateRegistry(),
      known: new Map(),
    };
  }
  const [handle] = restore.handles;
  if (handle === undefined || restore.handles.length !== 1) {
    throw new StateError(
      "INVALID_CONFIGURATION",
      `operator "${context.operator}" was checkpointed by ${restore.handles.length} subtasks; ` +
        "restoring at another parallelism is not supported yet",
    );
  }
  const { states, tables } = parseDescription(handle);
  const known = new Map<string, FileReference>();
  const files: ImportFile[] = [];
  for (const [index, table] of tables.entries()) {
    const { reference, path } = restore.file(table.name);
    // RocksDB takes the files away from where they are, so it gets links of their own.
    const name = `${String(index).padStart(6, "0")}.sst`;
    await linkOrCopy(fileSystem, path, join(working.staging, name));
    files.push(importFile(table, name, reference));
    known.set(table.uniqueId, reference);
  }
  const columnFamily = await translated(database.importFiles(stateFamily, mergeOperator, working.staging, files));
  return { columnFamily, registry: StateRegistry.restore(states), known };
}

function importFile(table: CheckpointTable, name: string, reference: FileReference): ImportFile {
  const { uniqueId: _, ...description } = table;
  return { ...description, name, sizeBytes: reference.sizeBytes };
}

async function linkOrCopy(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  try {
    await fileSystem.link(from, to);
  } catch (error) {
    if (!isLinkImpossible(error)) throw error;
    await fileSystem.copyFile(from, to);
  }
}

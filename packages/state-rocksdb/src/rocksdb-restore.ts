import { join } from "node:path";
import type { Database, ImportFile } from "@tidemark/rocksdb";
import {
  isSavepoint,
  type KeyedStateContext,
  type KeyGroupRange,
  restoredRegistry,
  type RestoredState,
  restoreSavepoint,
  StateRegistry,
} from "@tidemark/core/state";
import { type FileReference, type FileSystem, isLinkImpossible, type KeyedStateHandle } from "@tidemark/core/storage";
import { BulkWriter } from "./bulk-writer.js";
import { type CheckpointTable, parseTables } from "./description.js";
import { translated } from "./errors.js";
import { copyKeyGroups } from "./key-group-copy.js";
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

/** What one handle brings: its tables, and which of its key groups are wanted. */
interface Part {
  readonly handle: KeyedStateHandle;
  readonly tables: readonly CheckpointTable[];
  readonly wanted: KeyGroupRange;
}

/**
 * Fills a fresh database with what a checkpoint or savepoint held in the context's key groups, or with nothing. The largest handle that
 * lies inside them becomes the database by hard links where possible; of others the entries are copied.
 */
export async function restoreDatabase<K>(
  database: Database,
  working: WorkingDirectory,
  context: KeyedStateContext<K>,
): Promise<RestoredDatabase> {
  const { restore } = context;
  if (restore === undefined) {
    return { columnFamily: await emptyFamily(database), registry: new StateRegistry(), known: new Map() };
  }
  if (isSavepoint(restore)) return await restoreFromSavepoint(database, context, restore);
  const parsed = restore.handles.map((handle) => ({ handle, tables: parseTables(handle) }));
  const registry = restoredRegistry(context, restore.handles);
  const parts = parsed.flatMap((part): Part[] => {
    const wanted = intersection(part.handle.keyGroups, context.keyGroups);
    return wanted === undefined ? [] : [{ ...part, wanted }];
  });
  const whole = largestWhole(parts, restore);
  const known = new Map<string, FileReference>();
  let columnFamily: number;
  if (whole === undefined) columnFamily = await emptyFamily(database);
  else {
    columnFamily = await importPart(database, working, context.fileSystem, restore, whole, stateFamily);
    // A table that only lent its entries is none of this subtask's, so only these are known.
    for (const table of whole.tables) known.set(table.uniqueId, restore.file(table.name).reference);
  }
  for (const [index, part] of parts.entries()) {
    if (part === whole) continue;
    const borrowed = await importPart(database, working, context.fileSystem, restore, part, `part-${index}`);
    await copyKeyGroups(database, borrowed, columnFamily, part.wanted);
    await translated(database.dropColumnFamily(borrowed));
  }
  return { columnFamily, registry, known };
}

async function restoreFromSavepoint<K>(
  database: Database,
  context: KeyedStateContext<K>,
  restore: RestoredState,
): Promise<RestoredDatabase> {
  const columnFamily = await emptyFamily(database);
  const writer = new BulkWriter(database, columnFamily);
  const registry = await restoreSavepoint(context, restore, (key, value) => {
    writer.put(key.bytes, key.position, key.end, value.bytes, value.position, value.end);
  });
  writer.finish();
  return { columnFamily, registry, known: new Map() };
}

async function emptyFamily(database: Database): Promise<number> {
  return await translated(database.createColumnFamily(stateFamily, mergeOperator));
}

function intersection([first, last]: readonly [number, number], range: KeyGroupRange): KeyGroupRange | undefined {
  const common = { first: Math.max(first, range.first), last: Math.min(last, range.last) };
  return common.first > common.last ? undefined : common;
}

/** The part with the most bytes of which every key group is wanted: its tables can be used as they are. */
function largestWhole(parts: readonly Part[], restore: RestoredState): Part | undefined {
  const sizeOf = ({ tables }: Part): number => tables.reduce((sum, table) => sum + restore.file(table.name).reference.sizeBytes, 0);
  return parts
    .filter(({ handle: { keyGroups }, wanted }) => keyGroups[0] === wanted.first && keyGroups[1] === wanted.last)
    .reduce<Part | undefined>((best, part) => (best === undefined || sizeOf(part) > sizeOf(best) ? part : best), undefined);
}

/** Makes a column family of a handle's tables. */
async function importPart(
  database: Database,
  working: WorkingDirectory,
  fileSystem: FileSystem,
  restore: RestoredState,
  part: Part,
  family: string,
): Promise<number> {
  const staging = join(working.staging, family);
  await fileSystem.makeDirectory(staging);
  const files: ImportFile[] = [];
  for (const [index, table] of part.tables.entries()) {
    const { reference, path } = restore.file(table.name);
    // RocksDB takes the files away from where they are, so it gets links of their own.
    const name = `${String(index).padStart(6, "0")}.sst`;
    await linkOrCopy(fileSystem, path, join(staging, name));
    files.push(importFile(table, name, reference));
  }
  return await translated(database.importFiles(family, mergeOperator, staging, files));
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

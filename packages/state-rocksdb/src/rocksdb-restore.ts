import { join } from "node:path";
import type { Database, ImportFile, ImportSource } from "@tidemark/rocksdb";
import {
  type FindElsewhere, isStateError, type KeyedStateContext, type KeyGroupRange, restoredRegistry, type RestoredState, type StateRegistry,
} from "@tidemark/core/state";
import type { KeyedStateHandle } from "@tidemark/core/storage";
import { type ChainTable, CheckpointChain } from "./checkpoint-chain.js";
import { type CheckpointTable, parseTables } from "./description.js";
import { translated } from "./errors.js";
import { placeRestoredFile } from "./restored-file.js";
import type { WorkingDirectory } from "./working-directory.js";

/** The column family that holds all states. */
const stateFamily = "state";
/** Lists are appended to; no other kind of state merges. */
const mergeOperator = "list-append";
/** Files that are linked or copied at once. */
const filesAtOnce = 8;

export interface RestoredDatabase {
  readonly columnFamily: number;
  readonly isEmpty: boolean;
  readonly registry: StateRegistry;
  /** What the next checkpoint goes on from. */
  readonly chain: CheckpointChain;
  readonly chainId: string | undefined;
  /** Column families whose entries of some key groups are still to be copied to the state family. */
  readonly borrowed: readonly BorrowedFamily[];
}

/** Where a restore's files come to lie, and who may have them already. */
export interface RestorePlaces {
  readonly working: WorkingDirectory;
  /** Asked for files that cannot be linked from the checkpoint. */
  readonly elsewhere: FindElsewhere;
  /** Frees disk space that earlier attempts take; called when there is none left to copy a file. */
  readonly makeRoom: () => Promise<void>;
}

export interface BorrowedFamily {
  readonly columnFamily: number;
  readonly keyGroups: KeyGroupRange;
}

/** What one handle brings: its tables, and which of its key groups are wanted. */
interface Part {
  readonly handle: KeyedStateHandle;
  readonly tables: readonly CheckpointTable[];
  readonly wanted: KeyGroupRange;
}

/** A column family to be: its sources, once all their files are in place. */
interface StagedFamily {
  readonly name: string;
  readonly sources: readonly ImportSource[];
}

/** A database without state. */
export async function emptyDatabase(database: Database, registry: StateRegistry): Promise<RestoredDatabase> {
  const columnFamily = await translated(database.createColumnFamily(stateFamily, mergeOperator));
  return { columnFamily, isEmpty: true, registry, chain: new CheckpointChain([], [], false), chainId: undefined, borrowed: [] };
}

/**
 * Fills a fresh database with what a checkpoint held in the context's key groups. Files are linked where possible and nothing is rewritten:
 * only those with wanted key groups are taken, and what else is in them is never read. Where the files of two handles reach into each
 * other's key groups, one's entries are left in a column family of their own, to be copied. The files are placed while the database is
 * being opened.
 */
export async function restoreDatabase<K>(
  opening: Promise<Database>,
  places: RestorePlaces,
  context: KeyedStateContext<K>,
  restore: RestoredState,
): Promise<RestoredDatabase> {
  const parsed = restore.handles.map((handle) => ({ handle, tables: parseTables(handle) }));
  const registry = restoredRegistry(context, restore.handles);
  const parts = parsed.flatMap(({ handle, tables }): Part[] => {
    const wanted = intersection(handle.keyGroups, context.keyGroups);
    if (wanted === undefined) return [];
    return [{ handle, wanted, tables: tables.filter((table) => intersection(keyGroupsOf(table), wanted) !== undefined) }];
  });
  const { shared, apart } = division(parts, context.keyGroups);
  const families = [shared, ...apart.map((part) => [part])];
  const staged = await stage(families, places, context, restore);
  const database = await opening;
  const [columnFamily = -1, ...others] = await importStaged(database, staged);
  const { first, last } = context.keyGroups;
  const hasOthers = shared.some((part) => part.tables.some((table) => !isWithin(keyGroupsOf(table), context.keyGroups)));
  // Nobody reads other key groups; by and by compaction drops them too.
  if (hasOthers) database.keepKeyGroups(columnFamily, first, last);
  const borrowed = others.map((family, index): BorrowedFamily => ({ columnFamily: family, keyGroups: (apart[index] as Part).wanted }));
  const tables = shared.flatMap((part) => part.tables);
  const [only] = parts;
  const isSame = parts.length === 1 && only?.handle.keyGroups[0] === first && only.handle.keyGroups[1] === last;
  return {
    columnFamily,
    isEmpty: tables.length === 0,
    registry,
    chain: chainOf(tables, restore),
    chainId: chainIdAfter(isSame ? only?.handle.chain?.id : undefined, context),
    borrowed,
  };
}

/**
 * The chain that a restore goes on from. Other key groups make one that no checkpoint has named yet. So does a checkpoint of another job
 * whose coordinator counted further than this one: its chain may have the name that the next base of this job gets.
 */
function chainIdAfter<K>(id: string | undefined, { generation, operator, subtask }: KeyedStateContext<K>): string {
  const writer = Number(/^\d{1,15}(?=-)/.exec(id ?? "")?.[0] ?? Infinity);
  return id !== undefined && writer < generation ? id : `${generation}-${operator}-${subtask}-0`;
}

/**
 * Parts whose files can share a column family: none of their files has key groups that this subtask reads from another part. Data that an
 * earlier rescale left behind in a file would come back otherwise (rule 23).
 */
function division(parts: readonly Part[], keyGroups: KeyGroupRange): { readonly shared: readonly Part[]; readonly apart: readonly Part[] } {
  const isClean = ({ tables, wanted }: Part): boolean =>
    tables.every((table) => {
      const read = intersection(keyGroupsOf(table), keyGroups);
      return read === undefined || isWithin(read, wanted);
    });
  const shared: Part[] = [];
  const apart: Part[] = [];
  for (const part of parts) (isClean(part) && shared.every((other) => areApart(other, part)) ? shared : apart).push(part);
  return { shared, apart };
}

/** RocksDB imports files of several sources only where their key ranges do not meet. */
function areApart(left: Part, right: Part): boolean {
  const [leftReach, rightReach] = [reachOf(left), reachOf(right)];
  return leftReach === undefined || rightReach === undefined || leftReach.last < rightReach.first || rightReach.last < leftReach.first;
}

function reachOf({ tables }: Part): KeyGroupRange | undefined {
  if (tables.length === 0) return undefined;
  const ranges = tables.map(keyGroupsOf);
  return { first: Math.min(...ranges.map(({ first }) => first)), last: Math.max(...ranges.map(({ last }) => last)) };
}

/** Key groups between the first and the last key of a table; all there may be where the bounds are not known. */
function keyGroupsOf({ smallestKey, largestKey }: CheckpointTable): KeyGroupRange {
  const first = smallestKey.length < 4 ? 0 : Number.parseInt(smallestKey.slice(0, 4), 16);
  const last = largestKey.length < 4 ? 0xffff : Number.parseInt(largestKey.slice(0, 4), 16);
  return { first, last };
}

function chainOf(tables: readonly CheckpointTable[], restore: RestoredState): CheckpointChain {
  const tableOf = ({ name, isDelta: _, ...table }: CheckpointTable): ChainTable => {
    const { reference } = restore.file(name);
    return { table, sizeBytes: reference.sizeBytes, layer: 0, path: undefined, reference };
  };
  const base = tables.filter(({ isDelta }) => isDelta !== true).map(tableOf);
  const deltas = tables.filter(({ isDelta }) => isDelta === true).map(tableOf);
  return new CheckpointChain(base, deltas, tables.length > 0);
}

function isWithin(range: KeyGroupRange, other: KeyGroupRange): boolean {
  return range.first >= other.first && range.last <= other.last;
}

function intersection(range: KeyGroupRange | readonly [number, number], other: KeyGroupRange): KeyGroupRange | undefined {
  const { first, last } = "first" in range ? range : { first: range[0], last: range[1] };
  const common = { first: Math.max(first, other.first), last: Math.min(last, other.last) };
  return common.first > common.last ? undefined : common;
}

/** Puts the tables of some handles for each column family where RocksDB takes them from, several at a time. */
async function stage<K>(
  families: readonly (readonly Part[])[],
  { working, elsewhere, makeRoom }: RestorePlaces,
  { fileSystem }: KeyedStateContext<K>,
  restore: RestoredState,
): Promise<readonly StagedFamily[]> {
  const waiting: { readonly name: string; readonly to: string }[] = [];
  const staged = families.map((parts, index): StagedFamily => {
    const name = index === 0 ? stateFamily : `part-${index - 1}`;
    const sources = parts.filter((part) => part.tables.length > 0).map(({ tables }, source): ImportSource => {
      // RocksDB takes the files away from where they are, so it gets links of their own.
      const directory = join(working.staging, `${name}-${source}`);
      const files = tables.map((table, number) => {
        const file = `${String(number).padStart(6, "0")}.sst`;
        waiting.push({ name: table.name, to: join(directory, file) });
        return importFile(table, file, restore.file(table.name).reference.sizeBytes);
      });
      return { directory, files };
    });
    return { name, sources };
  });
  for (const { directory } of staged.flatMap(({ sources }) => sources)) await fileSystem.makeDirectory(directory);
  await placeAll(waiting, async (name, to, signal) => {
    const placed = (): Promise<void> => placeRestoredFile(restore, name, fileSystem, { to, signal, elsewhere });
    await placed().catch(async (error: unknown) => {
      if (!isStateError(error) || error.code !== "NO_SPACE") throw error;
      await makeRoom();
      await placed();
    });
  });
  return staged;
}

async function importStaged(database: Database, staged: readonly StagedFamily[]): Promise<number[]> {
  const columnFamilies: number[] = [];
  for (const { name, sources } of staged) {
    const made =
      sources.length === 0 ? database.createColumnFamily(name, mergeOperator) : database.importSources(name, mergeOperator, sources);
    columnFamilies.push(await translated(made));
  }
  return columnFamilies;
}

/** Rejects with the first error, when nothing is being written to the directory any more. */
async function placeAll(
  files: readonly { readonly name: string; readonly to: string }[],
  action: (name: string, to: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const rest = files.values();
  const placeNext = async (): Promise<void> => {
    try {
      for (const { name, to } of rest) {
        if (stop.signal.aborted) return;
        await action(name, to, stop.signal);
      }
    } catch (error) {
      stop.abort(error);
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce }, placeNext));
  stop.signal.throwIfAborted();
}

function importFile({ uniqueId: _, isDelta: __, ...description }: CheckpointTable, name: string, sizeBytes: number): ImportFile {
  return { ...description, name, sizeBytes };
}

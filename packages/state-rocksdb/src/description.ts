import type { ImportFile } from "@tidemark/rocksdb";
import { type KeyedDescription, StateError } from "@tidemark/core/state";
import type { Json, KeyedStateHandle } from "@tidemark/core/storage";

/** A table file in a checkpoint: what RocksDB must know to import it, and its id over all renamings. */
export interface CheckpointTable extends Omit<ImportFile, "sizeBytes"> {
  /** 16 bytes as hexadecimal, from the table itself: the same file has it under every name. */
  readonly uniqueId: string;
  /** Set for the tables of layers that were drained after the base was taken. */
  readonly isDelta?: boolean;
  /** Of a delta: how often entries of it were merged with those of others; absent for never. */
  readonly merges?: number;
}

/** What a handle's description holds; that of its chain has `tables` alone. */
export interface RocksDBDescription extends KeyedDescription {
  /** Those that are not in the base. */
  readonly tables: readonly CheckpointTable[];
}

/**
 * Reads the tables of a checkpoint, whose description may be damaged; restoredRegistry() reads the rest. Throws BACKEND_MISMATCH,
 * CHECKPOINT_DAMAGED.
 */
export function parseTables(handle: KeyedStateHandle): readonly CheckpointTable[] {
  if (handle.backend !== "rocksdb") {
    throw new StateError(
      "BACKEND_MISMATCH",
      `the checkpoint was taken with the ${handle.backend} backend and cannot be read by rocksdb; run the job with ${handle.backend}, ` +
        "or take a savepoint there and start from that",
    );
  }
  const base = handle.chain?.description;
  const parsed = [...(base === undefined ? [] : tablesIn(base)), ...tablesIn(handle.description)];
  for (const table of parsed) if (!handle.files.includes(table.name)) throw damaged(`table ${table.name} is not one of the handle's files`);
  if (new Set(parsed.map((table) => table.name)).size !== parsed.length) throw damaged("a table is listed twice");
  return parsed;
}

function tablesIn(description: Json): CheckpointTable[] {
  const { tables } = asObject(description, "description");
  if (!Array.isArray(tables)) throw damaged("its tables are missing");
  return (tables as Json[]).map(parseTable);
}

const hex = /^(?:[0-9A-Fa-f]{2}){0,400000}$/;

function parseTable(value: Json): CheckpointTable {
  const table = asObject(value, "table");
  const text = (name: string): string => {
    const found = table[name];
    if (typeof found !== "string") throw damaged(`${name} of a table is not a string`);
    return found;
  };
  const number = (name: string): number => {
    const found = table[name];
    if (!Number.isSafeInteger(found) || (found as number) < 0) throw damaged(`${name} of a table is not a whole number`);
    return found as number;
  };
  const bytes = (name: string): string => {
    const found = text(name);
    if (!hex.test(found)) throw damaged(`${name} of a table is not hexadecimal`);
    return found;
  };
  return {
    name: text("name"),
    uniqueId: bytes("uniqueId"),
    level: number("level"),
    smallestSequence: number("smallestSequence"),
    largestSequence: number("largestSequence"),
    smallestInternalKey: bytes("smallestInternalKey"),
    largestInternalKey: bytes("largestInternalKey"),
    smallestKey: bytes("smallestKey"),
    largestKey: bytes("largestKey"),
    epoch: number("epoch"),
    ...(table["isDelta"] === true ? { isDelta: true } : {}),
    ...(table["merges"] === undefined ? {} : { merges: number("merges") }),
  };
}

function asObject(value: Json, what: string): { readonly [key: string]: Json } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw damaged(`the ${what} is not an object`);
  return value as { readonly [key: string]: Json };
}

function damaged(what: string): StateError {
  return new StateError("CHECKPOINT_DAMAGED", `the keyed state in the checkpoint cannot be restored: ${what}; restore another checkpoint`);
}

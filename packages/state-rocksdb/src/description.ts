import type { ImportFile } from "@tidemark/rocksdb";
import { StateError } from "@tidemark/core/state";
import type { Json, KeyedStateHandle } from "@tidemark/core/storage";

/** A table file in a checkpoint: what RocksDB must know to import it, and its id over all renamings. */
export interface CheckpointTable extends Omit<ImportFile, "sizeBytes"> {
  /** 16 bytes as hexadecimal, from the table itself: the same file has it under every name. */
  readonly uniqueId: string;
}

/** What a handle's description holds. */
export interface RocksDBDescription {
  readonly states: Json;
  readonly tables: readonly CheckpointTable[];
}

/** Reads a description of a checkpoint, which may be damaged. Throws BACKEND_MISMATCH, CHECKPOINT_DAMAGED. */
export function parseDescription(handle: KeyedStateHandle): RocksDBDescription {
  if (handle.backend !== "rocksdb") {
    throw new StateError(
      "BACKEND_MISMATCH",
      `the checkpoint was taken with the ${handle.backend} backend and cannot be read by rocksdb; run the job with ${handle.backend}`,
    );
  }
  const { states, tables } = asObject(handle.description, "description");
  if (states === undefined || !Array.isArray(tables)) throw damaged("states or tables are missing");
  const parsed = (tables as Json[]).map(parseTable);
  for (const table of parsed) if (!handle.files.includes(table.name)) throw damaged(`table ${table.name} is not one of the handle's files`);
  if (new Set(parsed.map((table) => table.name)).size !== parsed.length) throw damaged("a table is listed twice");
  return { states, tables: parsed };
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
  };
}

function asObject(value: Json, what: string): { readonly [key: string]: Json } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw damaged(`the ${what} is not an object`);
  return value as { readonly [key: string]: Json };
}

function damaged(what: string): StateError {
  return new StateError("CHECKPOINT_DAMAGED", `the keyed state in the checkpoint cannot be restored: ${what}; restore another checkpoint`);
}

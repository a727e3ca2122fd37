import type { NodeStoreKind } from "./node-store.js";
import { betterSqlite3 } from "./peers/better-sqlite3.js";
import { classicLevel } from "./peers/classic-level.js";
import { levelRocksdb } from "./peers/level-rocksdb.js";
import { lmdb } from "./peers/lmdb.js";
import { mapJson } from "./peers/map-json.js";
import { ownState } from "./peers/own-state.js";
import { rocksdb } from "./peers/rocksdb.js";
import { slatedb } from "./peers/slatedb.js";

const kinds: Readonly<Record<string, NodeStoreKind>> = {
  memory: ownState("memory"),
  rocksdb: ownState("rocksdb"),
  "npm:rocksdb": rocksdb,
  "npm:level-rocksdb": levelRocksdb,
  "npm:classic-level": classicLevel,
  "npm:lmdb": lmdb,
  "npm:better-sqlite3": betterSqlite3,
  "npm:@slatedb/uniffi": slatedb,
  "npm:map-json": mapJson,
};

/** The store of a system. Throws when there is no such. No package is loaded before it is opened. */
export function storeKind(system: string): NodeStoreKind {
  const kind = kinds[system];
  if (kind === undefined) throw new Error(`unknown system: ${system}`);
  return kind;
}

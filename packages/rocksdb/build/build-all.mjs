import { buildBinding } from "./binding.mjs";
import { ensureRocksdb } from "./rocksdb.mjs";

/**
 * Builds RocksDB and then the binding; both are quick when nothing has changed.
 *
 * @param {{ log: (line: string) => void }} options
 */
export async function buildAll({ log }) {
  const { prefix } = await ensureRocksdb({ log });
  await buildBinding({ prefix, variant: "release", log });
}

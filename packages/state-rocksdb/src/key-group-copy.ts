import type { Database } from "@tidemark/rocksdb";
import { ByteWriter, type KeyGroupRange, type OrderedByteStore, yieldTurn } from "@tidemark/core/state";
import { asStateError, translated } from "./errors.js";
import type { BorrowedFamily } from "./rocksdb-restore.js";

const entriesPerTurn = 2048;

/**
 * Writes the entries of borrowed column families to a store, and drops the families. What was appended comes combined, so nothing is
 * applied twice. Other work gets a turn now and then.
 */
export async function copyBorrowed(database: Database, borrowed: readonly BorrowedFamily[], store: OrderedByteStore): Promise<void> {
  for (const { columnFamily, keyGroups } of borrowed) {
    await copyKeyGroups(database, columnFamily, keyGroups, store);
    await translated(database.dropColumnFamily(columnFamily));
  }
}

async function copyKeyGroups(database: Database, from: number, keyGroups: KeyGroupRange, store: OrderedByteStore): Promise<void> {
  const key = new ByteWriter({ maxBytes: 0x7fff_ffff });
  const value = new ByteWriter({ maxBytes: 0x7fff_ffff });
  const iterator = database.iterator(from, { ...keyGroupBounds(keyGroups), fillCache: false });
  try {
    for (let count = 1; iterator.next(); count += 1) {
      key.reset();
      key.raw(iterator.buffer, iterator.keyStart, iterator.keyEnd);
      value.reset();
      value.raw(iterator.buffer, iterator.valueStart, iterator.valueEnd);
      store.put(key, value);
      if (count % entriesPerTurn === 0) await yieldTurn();
    }
  } catch (error) {
    throw asStateError(error);
  } finally {
    iterator.close();
  }
}

/** The range of stored keys that some key groups have. Files may hold others too, which an earlier rescale left there. */
export function keyGroupBounds({ first, last }: KeyGroupRange): { readonly lower: Uint8Array; readonly upper: Uint8Array } {
  return { lower: keyGroupPrefix(first), upper: keyGroupPrefix(last + 1) };
}

/** What every stored key of a key group and of those above it is at or above. Key groups take 15 bits, so the next one always fits. */
function keyGroupPrefix(keyGroup: number): Uint8Array {
  return Uint8Array.of(keyGroup >> 8, keyGroup & 0xff);
}

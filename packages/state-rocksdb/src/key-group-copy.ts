import type { Database } from "@tidemark/rocksdb";
import { type KeyGroupRange, yieldTurn } from "@tidemark/core/state";
import { BulkWriter } from "./bulk-writer.js";
import { asStateError } from "./errors.js";

/**
 * Copies the entries of some key groups from one column family to another, a batch at a time. What was appended comes combined, so
 * nothing is applied twice. Other work gets a turn between batches.
 */
export async function copyKeyGroups(database: Database, from: number, to: number, keyGroups: KeyGroupRange): Promise<void> {
  const writer = new BulkWriter(database, to);
  const iterator = database.iterator(from, {
    lower: keyGroupPrefix(keyGroups.first),
    upper: keyGroupPrefix(keyGroups.last + 1),
    fillCache: false,
  });
  try {
    while (iterator.next()) {
      const { buffer } = iterator;
      if (writer.put(buffer, iterator.keyStart, iterator.keyEnd, buffer, iterator.valueStart, iterator.valueEnd)) await yieldTurn();
    }
  } catch (error) {
    throw asStateError(error);
  } finally {
    iterator.close();
  }
  writer.finish();
}

/** What every stored key of a key group and of those above it is at or above. Key groups take 15 bits, so the next one always fits. */
function keyGroupPrefix(keyGroup: number): Uint8Array {
  return Uint8Array.of(keyGroup >> 8, keyGroup & 0xff);
}

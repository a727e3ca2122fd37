import { type ByteReader, ByteWriter } from "../serializers/index.js";
import type { FrozenCursor } from "./frozen-table.js";

/** A visit of frozen entries may pause whenever it has seen so many bytes of them. */
const bytesPerStep = 1024;

/**
 * Visits each entry of a keyed table at a freeze: its stored key, ready for a map key behind it, and its value, which hold until the
 * visit returns. A step is a moment to pause. Table keys begin with `prefixBytes` that stored keys do not have.
 */
export function* visitFrozen(
  cursor: FrozenCursor,
  stateId: number,
  prefixBytes: number,
  visit: (key: ByteWriter, value: ByteReader) => void,
): Generator<void, void, undefined> {
  const key = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });
  for (let stepBytes = 0; cursor.next(); ) {
    const { keyGroup, key: tableKey, value } = cursor.entry;
    key.reset();
    key.u16be(keyGroup);
    key.u16be(stateId);
    key.rawWords(tableKey, tableKey.position + prefixBytes, tableKey.end);
    stepBytes += key.length + value.remaining;
    visit(key, value);
    if (stepBytes < bytesPerStep) continue;
    stepBytes = 0;
    yield;
  }
}

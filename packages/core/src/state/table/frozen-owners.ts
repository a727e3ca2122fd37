import { ByteReader, ByteWriter } from "../serializers/index.js";
import type { FrozenCursor } from "./frozen-table.js";

/** A snapshot may pause whenever it has visited entries of so many bytes. */
export const bytesPerStep = 1024;

/** Goes over the entries of a keyed table at a freeze. What it stands at holds until the next step. */
export class FrozenOwners {
  /** The stored key of an entry, ready for a map key behind it. */
  readonly key = new ByteWriter({ tooLargeCode: "KEY_TOO_LARGE" });
  value = new ByteReader();
  readonly #cursor: FrozenCursor | undefined;
  readonly #stateId: number;
  readonly #prefixBytes: number;

  /** Table keys begin with `prefixBytes` that stored keys do not have. Without a cursor there are no entries. */
  constructor(cursor: FrozenCursor | undefined, stateId: number, prefixBytes: number) {
    this.#cursor = cursor;
    this.#stateId = stateId;
    this.#prefixBytes = prefixBytes;
  }

  /** Goes to the next entry; false at the end. */
  next(): boolean {
    const cursor = this.#cursor;
    if (cursor === undefined || !cursor.next()) return false;
    const { keyGroup, key: tableKey, value } = cursor.entry;
    const { key } = this;
    key.reset();
    key.u16be(keyGroup);
    key.u16be(this.#stateId);
    key.rawWords(tableKey, tableKey.position + this.#prefixBytes, tableKey.end);
    this.value = value;
    return true;
  }
}

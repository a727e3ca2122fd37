import type { ByteReader, ByteWriter } from "../serializers/index.js";

/**
 * A sorted map of byte strings, in memcmp order: all that a store must offer to hold keyed state. Readers and cursors
 * point into memory of the store and hold until the next call on it.
 */
export interface OrderedByteStore {
  /** A reader over the value, or undefined. Valid until the next call. */
  get(key: ByteWriter): ByteReader | undefined;
  put(key: ByteWriter, value: ByteWriter): void;
  /** Puts `bytes` behind the value, or makes them the value where there is none. Need not read it. */
  append(key: ByteWriter, bytes: ByteWriter): void;
  delete(key: ByteWriter): void;
  /** Removes every key in [lower, upper). */
  deleteRange(lower: Uint8Array, upper: Uint8Array): void;
  /** A cursor in front of the first key of [lower, upper), over the contents at the call. */
  scan(lower: Uint8Array, upper: Uint8Array): ByteCursor;
}

export interface ByteCursor {
  /** Moves to the next entry; false at the end, where the cursor closes itself. */
  next(): boolean;
  /** Key of the current entry. Valid until the next call of next(). */
  readonly key: ByteReader;
  readonly value: ByteReader;
  close(): void;
}

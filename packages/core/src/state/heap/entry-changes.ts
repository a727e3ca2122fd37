import type { ByteWriter } from "../serializers/index.js";

/**
 * Told of each change of a state's stored entries, right before it is made: what a change log writes down. When a call throws, the
 * change is not made. Writers hold until the call returns.
 */
export interface EntryChanges {
  put(key: ByteWriter, value: ByteWriter): void;
  /** `elements` go behind the stored list, or are the list where there is none. */
  append(key: ByteWriter, elements: ByteWriter): void;
  /** The entry is there. */
  delete(key: ByteWriter): void;
  /** Several entries that go in one call. Each key holds until the next. */
  deleteAll(keys: Iterable<ByteWriter>): void;
}

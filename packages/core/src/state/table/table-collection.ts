import type { EntryChanges } from "../heap/entry-changes.js";
import type { ByteSource } from "../serializers/byte-source.js";
import { ByteReader } from "../serializers/index.js";
import type { TableStateOptions } from "./table-value-state.js";

/** Options of the states that hold several elements for a key: in the table while they are small, and then on the heap. */
export interface TableCollectionOptions extends TableStateOptions {
  /** Told of changes to what is on the heap, right before they are made. */
  readonly heapChanges?: EntryChanges;
}

/** The value in the table of a collection that moved to the heap: no other is empty. */
export const movedMark: ByteSource = new ByteReader();

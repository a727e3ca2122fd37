import type { ByteReader, ByteWriter } from "../serializers/index.js";

/** Takes one stored entry of a snapshot: `keyGroup | state id | key | map key` and its value. Both hold until the next entry. */
export type EntryVisitor = (key: ByteWriter, value: ByteWriter) => void;

/** What a heap backend needs of each of its states and timer queues. */
export interface HeapState {
  /** Entries held now. */
  readonly size: number;
  /** Fixes the contents for a snapshot. */
  freeze(): void;
  /** Visits the frozen contents, one entry with each step, so that the caller can pause between them. */
  frozenEntries(visit: EntryVisitor): Iterable<void>;
  /** The snapshot is written or was given up. */
  release(): void;
  /** Takes an entry of a snapshot back. `key` stands behind the prefix of key group and state id. Throws STATE_CORRUPT. */
  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void;
}

import type { KeyGroupRange } from "../key-groups.js";
import type { ByteReader, ByteWriter } from "../serializers/index.js";
import type { HeapOwner } from "./heap-keys.js";

/** Takes one stored entry of a snapshot: its key and its value. Both hold until the next entry. */
export type EntryVisitor = (key: ByteWriter, value: ByteWriter) => void;

/** Whether a stored value, map value or list element has outlived its state's ttl. */
export type IsExpired = (stored: unknown) => boolean;

/** Contents that can be frozen for a snapshot, visited, and restored. */
export interface Freezable {
  /** Entries held now. */
  readonly size: number;
  /** Fixes the contents for a snapshot. */
  freeze(): void;
  /**
   * Visits the frozen contents, one or, where they are small, a few kilobytes of them with each step, so that the caller can pause between
   * them: all of them and once, or those of some key groups, and then again for others.
   */
  frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void>;
  /** The snapshot is written or was given up. */
  release(): void;
  /** Takes an entry of a snapshot back. `key` stands behind the prefix of key group and state id. Throws STATE_CORRUPT. */
  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void;
}

/** What a heap backend needs of each of its states. */
export interface HeapState<K, N> extends Freezable {
  /** Every key and namespace that has an entry, in no particular order. */
  owners(): Iterable<HeapOwner<K, N>>;
  /** Looks at the next `count` entries or so and removes what has expired; goes around in circles. */
  sweep(isExpired: IsExpired, count: number): void;
}

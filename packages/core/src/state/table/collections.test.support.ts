import { expect } from "vitest";
import type { EntryVisitor } from "../heap/heap-state.js";
import type { KeyGroupRange } from "../key-groups.js";
import { ByteReader } from "../serializers/index.js";

export const stateId = 9;

export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Stored {
  frozenEntries(visit: EntryVisitor, keyGroups?: KeyGroupRange): Iterable<void>;
  restoreEntry(keyGroup: number, key: ByteReader, value: ByteReader): void;
}

/** The stored entries of the freeze under way. */
export function entriesOf(state: Pick<Stored, "frozenEntries">, keyGroups?: KeyGroupRange): StoredEntry[] {
  const found: StoredEntry[] = [];
  for (const _ of state.frozenEntries((key, value) => found.push({ key: key.copy(), value: value.copy() }), keyGroups));
  return found;
}

export function restore(state: Pick<Stored, "restoreEntry">, entries: readonly StoredEntry[]): void {
  for (const { key, value } of entries) {
    const reader = new ByteReader(key);
    const keyGroup = reader.u16be();
    expect(reader.u16be()).toBe(stateId);
    state.restoreEntry(keyGroup, reader, new ByteReader(value));
  }
}

/** For what is compared thousands of times: the assertion library is asked only for its message. */
export function same(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected);
}

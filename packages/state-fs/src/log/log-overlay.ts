import { type ByteReader, hasKeyGroup, type KeyGroupRange, type MemoryGuard } from "@tidemark/core/state";
import { operations } from "./segment-format.js";

/** Entries of one state: `key` without the stored key's prefix, and the value. */
export type StoredEntries = { readonly keyGroup: number; readonly key: Uint8Array; readonly value: Uint8Array }[];

/** What the log says about an entry. */
interface Pending {
  /** Whether it holds whatever the base says; else `parts` go behind that. */
  isWhole: boolean;
  /** Undefined: the entry was deleted. */
  parts: Uint8Array[] | undefined;
}

/**
 * The outcome of a log: for each entry it touches, what becomes of it. The base's entries are then run through it, so that only what
 * the log touches needs to be looked up.
 */
export class LogOverlay {
  readonly #keyGroups: KeyGroupRange;
  readonly #guard: MemoryGuard;
  /** By key group and state id, so that no single Map has to hold all. */
  readonly #pending = new Map<number, Map<string, Pending>>();
  readonly #entries = new Map<number, StoredEntries>();

  /** `guard` is asked before an entry takes memory. */
  constructor(keyGroups: KeyGroupRange, guard: MemoryGuard) {
    this.#keyGroups = keyGroups;
    this.#guard = guard;
  }

  /** Applies a put, delete or append; entries of other key groups are passed over. Throws NO_MEMORY. */
  apply(operation: number, storedKey: Uint8Array, value: Uint8Array): void {
    const prefix = prefixOf(storedKey, 0);
    if (!hasKeyGroup(this.#keyGroups, prefix >>> 16)) return;
    this.#guard.addEntry(storedKey.length + value.length);
    let pending = this.#pending.get(prefix);
    if (pending === undefined) this.#pending.set(prefix, (pending = new Map()));
    const key = textOf(storedKey, 4, storedKey.length);
    const before = pending.get(key);
    if (operation === operations.delete) pending.set(key, { isWhole: true, parts: undefined });
    else if (operation === operations.put) pending.set(key, { isWhole: true, parts: [value.slice()] });
    else if (before?.parts !== undefined) before.parts.push(value.slice());
    // Elements behind a deleted list are all of the new one.
    else pending.set(key, { isWhole: before !== undefined, parts: [value.slice()] });
  }

  /** Takes an entry from in front of the log. Throws NO_MEMORY. */
  base(storedKey: ByteReader, value: ByteReader): void {
    const prefix = prefixOf(storedKey.bytes, storedKey.position);
    if (!hasKeyGroup(this.#keyGroups, prefix >>> 16)) return;
    this.#guard.addEntry(storedKey.remaining + value.remaining);
    storedKey.skip(4);
    const pending = this.#pending.get(prefix);
    const text = pending === undefined ? "" : textOf(storedKey.bytes, storedKey.position, storedKey.end);
    const change = pending?.get(text);
    const key = storedKey.copy(storedKey.remaining);
    if (change === undefined) {
      this.#add(prefix, key, value.copy(value.remaining));
      return;
    }
    pending?.delete(text);
    if (change.parts === undefined) return;
    this.#add(prefix, key, joined(change.isWhole ? change.parts : [value.copy(value.remaining), ...change.parts]));
  }

  /** All entries by state id, once every base entry was given. */
  finish(): Map<number, StoredEntries> {
    for (const [prefix, pending] of this.#pending) {
      for (const [text, { parts }] of pending) if (parts !== undefined) this.#add(prefix, Buffer.from(text, "latin1"), joined(parts));
      pending.clear();
    }
    return this.#entries;
  }

  #add(prefix: number, key: Uint8Array, value: Uint8Array): void {
    const stateId = prefix & 0xffff;
    let list = this.#entries.get(stateId);
    if (list === undefined) this.#entries.set(stateId, (list = []));
    list.push({ keyGroup: prefix >>> 16, key, value });
  }
}

function prefixOf(bytes: Uint8Array, at: number): number {
  const [high, low, stateHigh, stateLow] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return ((high << 24) | (low << 16) | (stateHigh << 8) | stateLow) >>> 0;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

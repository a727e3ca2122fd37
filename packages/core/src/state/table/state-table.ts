// One file past 400 lines: lookups, splits, chains and merges all change the same directory and segments.
import { StateError } from "../../errors/index.js";
import type { KeyGroupRange } from "../key-groups.js";
import type { ByteSource } from "../serializers/byte-source.js";
import { ByteReader } from "../serializers/index.js";
import { Directory } from "./directory.js";
import { FixedLayout, fixedEntryMaxBytes } from "./fixed-layout.js";
import { FrozenTable, type TableEntry } from "./frozen-table.js";
import { type KeyHash, KeyPositions } from "./key-positions.js";
import { full, inserted, type PutOutcome, replaced, type SegmentLayout } from "./segment-layout.js";
import { VariableLayout } from "./variable-layout.js";

export interface StateTableOptions {
  /** The key groups of this subtask. */
  readonly keyGroups: KeyGroupRange;
  readonly maxParallelism: number;
  /** Size of all keys, and of all values, where it is always the same. With both the table is faster and smaller. */
  readonly keyBytes?: number;
  readonly valueBytes?: number;
  /**
   * Keys begin with their key group (2 bytes, big endian), and their hash is that of the bytes behind it. Without it the key group is
   * the hash modulo max parallelism.
   */
  readonly keysHavePrefix?: boolean;
  /** Memory the table may take, in bytes. Default: what the process gets. */
  readonly maxBytes?: number;
  /** Asked before memory is taken from the process, and told how much; throws NO_MEMORY where it must not be. */
  readonly reserve?: (extraBytes: number) => void;
  /** The hash that callers pass to positionOf(). Default murmur3. */
  readonly hash?: KeyHash;
}

/** Called with an entry: `key.bytes` is its key, which is not in the table's memory. */
export type ChangeEntry = (position: number, key: ByteSource) => void;

/** Removing from a segment with so few entries looks whether it and its neighbour together fill one by less than half. */
const mergeAtMostEntries = 64;

/**
 * Key bytes -> value bytes in flat memory, without an object for an entry and without garbage for an access. docs/formats/state-table.md
 * draws the memory. The table grows by splitting one segment of some kilobytes at a time, so no call takes long.
 *
 * freeze() fixes the contents; later writes copy the segments they touch, once. Any number of frozen parts may be held.
 */
export class StateTable {
  /** Stands at the value that find() found, until the next call. Read it with a serializer; copy what must stay. */
  readonly value = new ByteReader();
  readonly #positions: KeyPositions;
  readonly #options: StateTableOptions;
  readonly #maxBytes: number;
  #layout: SegmentLayout;
  #directory: Directory;
  #size = 0;
  /** Where the next sweep begins. */
  #sweepPosition = 0;
  /** Entries that sweeps still have to look at; below 0 after a segment with more than were asked for. */
  #sweepOwed = 0;
  /** The entry that find() or edit() found. */
  #foundSegment = 0;
  #foundAt = 0;
  /** Layouts from before a clear() that frozen parts still read. */
  readonly #frozenLayouts = new Map<SegmentLayout, number>();

  /** Throws INVALID_ARGUMENT for a limit that is not a positive number. */
  constructor(options: StateTableOptions) {
    this.#maxBytes = options.maxBytes ?? Infinity;
    if (!(this.#maxBytes > 0)) {
      throw new StateError("INVALID_ARGUMENT", `maxBytes must be a positive number, got ${String(options.maxBytes)}`);
    }
    this.#options = options;
    this.#positions = new KeyPositions(options.keyGroups, options.maxParallelism, options.hash, options.keysHavePrefix);
    this.#layout = this.#makeLayout();
    this.#directory = new Directory(this.#layout.allocate(0));
  }

  /** Entries held now. */
  get size(): number {
    return this.#size;
  }

  /** Memory taken: segments in use, those of frozen parts included, and the directory. */
  get sizeBytes(): number {
    let sizeBytes = usedBytes(this.#layout) + this.#directory.cells.byteLength;
    for (const layout of this.#frozenLayouts.keys()) if (layout !== this.#layout) sizeBytes += usedBytes(layout);
    return sizeBytes;
  }

  /** What the methods below ask of a key besides its bytes. */
  positionOf(keyGroup: number, hash: number): number {
    return this.#positions.of(keyGroup, hash);
  }

  keyGroupAt(position: number): number {
    return this.#positions.keyGroupAt(position);
  }

  /** Whether a key, `key.bytes[keyStart .. keyEnd)`, has an entry. Faster than find(): its value is not touched. */
  has(position: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const layout = this.#layout;
    const directory = this.#directory;
    let segment = directory.cells[position >>> directory.shift] as number;
    while (layout.find(segment, position, key, keyStart, keyEnd) === -1) {
      const next = layout.store.next[segment] as number;
      if (next === 0) return false;
      segment = next - 1;
    }
    return true;
  }

  /** Looks a key up, `key.bytes[keyStart .. keyEnd)`. When true, `value` stands at its value. */
  find(position: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const layout = this.#layout;
    const directory = this.#directory;
    let segment = directory.cells[position >>> directory.shift] as number;
    for (;;) {
      const at = layout.find(segment, position, key, keyStart, keyEnd);
      if (at !== -1) {
        layout.readValue(segment, at, this.value);
        this.#foundSegment = segment;
        this.#foundAt = at;
        return true;
      }
      const next = layout.store.next[segment] as number;
      if (next === 0) return false;
      segment = next - 1;
    }
  }

  /**
   * Looks a key up to change its value in place. When true, `value` stands at the value and its bytes may be written until the next
   * call; resize() may come first. Throws NO_MEMORY when a frozen part makes it copy; the contents are the same then.
   */
  edit(position: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const layout = this.#layout;
    const { store } = layout;
    const directory = this.#directory;
    let segment = directory.cells[position >>> directory.shift] as number;
    if ((store.birth[segment] as number) <= store.frozenUpTo) {
      if (!this.find(position, key, keyStart, keyEnd)) return false;
      segment = this.#copyChain(segment, position);
    }
    for (;;) {
      const at = layout.find(segment, position, key, keyStart, keyEnd);
      if (at !== -1) {
        layout.own(segment, at);
        layout.readValue(segment, at, this.value);
        this.#foundSegment = segment;
        this.#foundAt = at;
        return true;
      }
      const next = store.next[segment] as number;
      if (next === 0) return false;
      segment = next - 1;
    }
  }

  /** edit() of the entry that find() has just found, looked up anew only where a frozen part makes it copy. Throws NO_MEMORY as well. */
  editFound(position: number, key: ByteSource, keyStart: number, keyEnd: number): void {
    const layout = this.#layout;
    const segment = this.#foundSegment;
    if (layout.store.isShared(segment)) {
      this.edit(position, key, keyStart, keyEnd);
    } else {
      layout.own(segment, this.#foundAt);
      layout.readValue(segment, this.#foundAt, this.value);
    }
  }

  /**
   * Gives the value that edit() found another length. False where it has to be put anew, for want of room or to free some: nothing has
   * changed then. When true, bytes up to the shorter length stay, what is behind them is undefined, and `value` has the new end.
   */
  resize(valueBytes: number): boolean {
    if (!this.#layout.resize(this.#foundSegment, this.#foundAt, valueBytes)) return false;
    this.value.end = this.value.position + valueBytes;
    return true;
  }

  /**
   * Puts bytes behind the value that edit() found and whose resize() was refused, without looking the entry up again. False where it has
   * to be put anew: nothing has changed then. When true, the next call may only be about another entry or look this one up.
   */
  extend(position: number, tail: ByteSource, tailStart: number, tailEnd: number): boolean {
    return this.#layout.extend(this.#foundSegment, this.#foundAt, position, tail, tailStart, tailEnd);
  }

  /** Sets the value of a key. Throws NO_MEMORY; the contents are the same then. */
  put(
    position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): void {
    const layout = this.#layout;
    const { store } = layout;
    const directory = this.#directory;
    for (;;) {
      let segment = directory.cells[position >>> directory.shift] as number;
      if ((store.birth[segment] as number) <= store.frozenUpTo) segment = this.#copyChain(segment, position);
      const outcome =
        store.next[segment] === 0
          ? layout.put(segment, position, key, keyStart, keyEnd, value, valueStart, valueEnd)
          : this.#putInChain(segment, position, key, keyStart, keyEnd, value, valueStart, valueEnd);
      if (outcome === full) {
        this.#makeRoom(segment, position);
        continue;
      }
      if (outcome === inserted) this.#size += 1;
      return;
    }
  }

  /** Removes a key; false where it is not there. Throws NO_MEMORY when a frozen part makes it copy; the contents are the same then. */
  remove(position: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    if (!this.find(position, key, keyStart, keyEnd)) return false;
    const layout = this.#layout;
    const { store } = layout;
    let head = this.#directory.cells[position >>> this.#directory.shift] as number;
    if (store.isShared(head)) head = this.#copyChain(head, position);
    for (let segment = head; ; segment = (store.next[segment] as number) - 1) {
      const at = layout.find(segment, position, key, keyStart, keyEnd);
      if (at === -1) continue;
      layout.remove(segment, at, position);
      this.#size -= 1;
      if (segment === head && (store.count[segment] as number) <= mergeAtMostEntries) this.#mergeWithBuddy(segment, position);
      return true;
    }
  }

  /** Removes everything, at once. Frozen parts stay. */
  clear(): void {
    this.#layout = this.#makeLayout();
    this.#directory = new Directory(this.#layout.allocate(0));
    this.#size = 0;
  }

  /**
   * Fixes the contents as they are now. Takes microseconds however large the table is; the caller must release() the result, and until
   * then a write to a segment of it copies the segment.
   */
  freeze(): FrozenTable {
    const layout = this.#layout;
    this.#frozenLayouts.set(layout, (this.#frozenLayouts.get(layout) ?? 0) + 1);
    return new FrozenTable(layout, this.#positions, this.#directory.freeze(), this.#size, () => {
      const others = (this.#frozenLayouts.get(layout) as number) - 1;
      if (others === 0) this.#frozenLayouts.delete(layout);
      else this.#frozenLayouts.set(layout, others);
    });
  }

  /**
   * The entries at the first step, in no particular order, whatever is changed while iterating. Ends the hold on them when it was read
   * to its end or left by break or return.
   */
  *entries(keyGroups: KeyGroupRange = this.#positions.keyGroups): Generator<TableEntry, void, undefined> {
    const frozen = this.freeze();
    try {
      yield* frozen.entries(keyGroups);
    } finally {
      frozen.release();
    }
  }

  /**
   * Looks at the next entries, a whole segment at a time but `count` a call on the average, and removes those that `isGone` is true
   * for, or calls `change` with each. Goes around in circles over all calls. Throws NO_MEMORY as remove() does, and what the functions
   * throw.
   */
  sweep(count: number, isGone: (value: ByteReader) => boolean, change?: ChangeEntry): void {
    this.#sweepOwed = Math.min(this.#sweepOwed + count, this.#size);
    for (let segments = this.#directory.cells.length; this.#sweepOwed > 0 && segments > 0; segments -= 1) {
      const { store } = this.#layout;
      const position = this.#sweepPosition;
      const { shift } = this.#directory;
      const head = this.#directory.cells[position >>> shift] as number;
      const runWidth = 2 ** (32 - (store.depth[head] as number));
      this.#sweepPosition = (Math.floor(position / runWidth) + 1) * runWidth % 2 ** 32;
      const gone: Uint8Array[] = [];
      for (let segment = head; segment !== -1; segment = (store.next[segment] as number) - 1) {
        this.#sweepOwed -= store.count[segment] as number;
        this.#collectGone(segment, isGone, gone);
      }
      for (const bytes of gone) {
        const key = { bytes, view: new DataView(bytes.buffer) };
        const goneAt = this.#positions.ofKey(key, 0, bytes.length);
        if (change === undefined) this.remove(goneAt, key, 0, bytes.length);
        else change(goneAt, key);
      }
    }
  }

  #collectGone(segment: number, isGone: (value: ByteReader) => boolean, gone: Uint8Array[]): void {
    const layout = this.#layout;
    const reader = this.value;
    for (let slot = layout.nextSlot(segment, 0); slot !== -1; slot = layout.nextSlot(segment, slot + 1)) {
      const at = layout.atSlot(segment, slot);
      layout.readValue(segment, at, reader);
      if (!isGone(reader)) continue;
      layout.readKey(segment, at, reader);
      gone.push(reader.copy(reader.remaining));
    }
  }

  #makeLayout(): SegmentLayout {
    const { keyBytes, valueBytes } = this.#options;
    const positionOf = (key: ByteSource, start: number, end: number): number => this.#positions.ofKey(key, start, end);
    const reserve = (extraBytes: number): void => this.#reserve(extraBytes);
    return keyBytes === undefined || valueBytes === undefined || keyBytes + valueBytes > fixedEntryMaxBytes
      ? new VariableLayout(positionOf, reserve)
      : new FixedLayout(keyBytes, valueBytes, positionOf, reserve);
  }

  #reserve(extraBytes: number): void {
    // The first chunk is always granted, so that clear() cannot fail.
    if (this.#layout.reservedBytes === 0) return;
    this.#options.reserve?.(extraBytes);
    if (this.#maxBytes === Infinity) return;
    let takenBytes = this.#layout.reservedBytes;
    for (const layout of this.#frozenLayouts.keys()) if (layout !== this.#layout) takenBytes += layout.reservedBytes;
    if (takenBytes + extraBytes <= this.#maxBytes) return;
    throw new StateError("NO_MEMORY", `a state takes ${takenBytes} bytes, needs ${extraBytes} more and may take ${this.#maxBytes}; ` +
      "raise the limit, use more subtasks, or a backend on disk", { details: { takenBytes, extraBytes, maxBytes: this.#maxBytes } });
  }

  /** Puts copies in the place of a segment that a freeze holds and of those behind it in its chain; the first copy. */
  #copyChain(head: number, position: number): number {
    const layout = this.#layout;
    const { store } = layout;
    const copies: number[] = [];
    try {
      for (let segment: number = head; ; segment = (store.next[segment] as number) - 1) {
        copies.push(layout.copy(segment));
        if (store.next[segment] === 0) break;
      }
    } catch (error) {
      for (const copy of copies) store.retire(copy);
      throw error;
    }
    let segment = head;
    for (let i = 0; i < copies.length; i += 1) {
      const next = store.next[segment] as number;
      if (next !== 0) store.next[copies[i] as number] = (copies[i + 1] as number) + 1;
      store.retire(segment);
      segment = next - 1;
    }
    const copy = copies[0] as number;
    this.#directory.replace(position, store.depth[copy] as number, copy);
    return copy;
  }

  /** Makes a full segment anew, splits it, or begins a chain where no split can tell its keys apart. */
  #makeRoom(segment: number, position: number): void {
    const { store } = this.#layout;
    if (store.next[segment] !== 0) return this.#makeRoomInChain(segment, position);
    const depth = store.depth[segment] as number;
    if (this.#layout.isWorthRebuilding(segment)) this.#rebuild(segment, -1, position);
    else if (this.#directory.makeSplittable(depth, store.usedSegments)) this.#split(segment, depth, position);
    else store.next[segment] = this.#layout.allocate(depth, segment) + 1;
  }

  #rebuild(segment: number, previous: number, position: number): void {
    const { store } = this.#layout;
    const depth = store.depth[segment] as number;
    const fresh = this.#layout.allocate(depth, segment);
    this.#moveAll(segment, fresh, fresh, 0);
    store.next[fresh] = store.next[segment] as number;
    if (previous === -1) this.#directory.replace(position, depth, fresh);
    else store.next[previous] = fresh + 1;
    store.retire(segment);
  }

  #split(segment: number, depth: number, position: number): void {
    const { store } = this.#layout;
    const low = this.#layout.allocate(depth + 1, segment);
    let high: number;
    try {
      high = this.#layout.allocate(depth + 1, segment);
    } catch (error) {
      store.retire(low);
      throw error;
    }
    this.#moveAll(segment, low, high, 0x8000_0000 >>> depth);
    this.#directory.split(position, depth, low, high);
    store.retire(segment);
  }

  /** Moves every entry to `high` where its position has one of `bits`, else to `low`. */
  #moveAll(segment: number, low: number, high: number, bits: number): void {
    const layout = this.#layout;
    const key = this.value;
    for (let slot = layout.nextSlot(segment, 0); slot !== -1; slot = layout.nextSlot(segment, slot + 1)) {
      const at = layout.atSlot(segment, slot);
      layout.readKey(segment, at, key);
      const position = this.#positions.ofKey(key, key.position, key.end);
      layout.move(segment, at, (position & bits) === 0 ? low : high, position);
    }
  }

  #mergeWithBuddy(segment: number, position: number): void {
    const { store } = this.#layout;
    const depth = store.depth[segment] as number;
    // With a segment at hand, merging takes no memory or only a little.
    if (depth === 0 || store.next[segment] !== 0 || !store.hasFreeSegment) return;
    const buddy = this.#directory.buddy(position, depth);
    if (store.depth[buddy] !== depth || store.next[buddy] !== 0 || buddy === segment) return;
    if (!this.#layout.fitTogether(segment, buddy)) return;
    const merged = this.#allocateForMerge(depth - 1, segment, buddy);
    if (merged === undefined) return;
    this.#moveAll(segment, merged, merged, 0);
    this.#moveAll(buddy, merged, merged, 0);
    this.#directory.replace(position, depth - 1, merged);
    store.retire(segment);
    store.retire(buddy);
  }

  /** Undefined where there is no memory: merging can wait, and what was removed is removed. */
  #allocateForMerge(depth: number, one: number, other: number): number | undefined {
    try {
      return this.#layout.allocate(depth, one, other);
    } catch (error) {
      if (error instanceof StateError) return undefined;
      throw error;
    }
  }

  #putInChain(
    head: number, position: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): PutOutcome {
    const layout = this.#layout;
    const { store } = layout;
    let holder = -1;
    for (let segment = head; segment !== -1; segment = (store.next[segment] as number) - 1) {
      if (layout.find(segment, position, key, keyStart, keyEnd) === -1) continue;
      holder = segment;
      if (layout.put(segment, position, key, keyStart, keyEnd, value, valueStart, valueEnd) === replaced) return replaced;
      break;
    }
    for (let segment = head; segment !== -1; segment = (store.next[segment] as number) - 1) {
      if (segment === holder || layout.put(segment, position, key, keyStart, keyEnd, value, valueStart, valueEnd) === full) continue;
      if (holder === -1) return inserted;
      // The new value has outgrown the segment that held the old one.
      layout.remove(holder, layout.find(holder, position, key, keyStart, keyEnd), position);
      return replaced;
    }
    return full;
  }

  #makeRoomInChain(head: number, position: number): void {
    const { store } = this.#layout;
    let previous = -1;
    for (let segment = head; segment !== -1; previous = segment, segment = (store.next[segment] as number) - 1) {
      if (this.#layout.isWorthRebuilding(segment)) return this.#rebuild(segment, previous, position);
    }
    store.next[previous] = this.#layout.allocate(store.depth[head] as number, previous) + 1;
  }
}

function usedBytes(layout: SegmentLayout): number {
  return layout.store.usedSegments * layout.store.segmentBytes + layout.outsideBytes;
}

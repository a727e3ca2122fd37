import { type ByteCursor, ByteReader, copyBytes } from "@tidemark/core/state";
import type { BackingIterator } from "./backing-store.js";
import type { KeyCursor, KeyIndex } from "./key-index.js";

/** What a key had when a cursor was opened: bytes, nothing, or what the backing store says. */
export type OverlayValue = Uint8Array | "deleted" | "below";

const noBytes: Uint8Array<ArrayBufferLike> = new Uint8Array(0);

export interface MergeCursorParts {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array;
  readonly below: BackingIterator | undefined;
  /** Keys that were written and that `below` may not show yet. */
  readonly written: readonly KeyIndex[];
  /** What the table has for a key that is not drained yet; "below" where it has nothing newer. Valid until the next call. */
  readonly lookUp: (key: Uint8Array, start: number, end: number) => ByteReader | "deleted" | "below";
  readonly onClose: (cursor: MergeCursor) => void;
}

/**
 * Entries of the table and of the backing store as one sorted sequence, as they were when the cursor was opened: the store tells it
 * of every change beforehand, and it keeps what the changed key had.
 */
export class MergeCursor implements ByteCursor {
  readonly key = new ByteReader();
  readonly value = new ByteReader();
  readonly #parts: MergeCursorParts;
  readonly #written: readonly KeyCursor[];
  /** The key that was given out, where it does not come from below. */
  #scratch = noBytes;
  readonly #kept = new Map<string, OverlayValue>();
  #below: BackingIterator | undefined;
  /** The entry that `below` stands at was given out; its memory holds until the iterator moves. */
  #isBelowTaken = true;
  #current: Uint8Array | undefined;
  #currentStart = 0;
  #currentEnd = 0;
  #isClosed = false;

  constructor(parts: MergeCursorParts) {
    this.#parts = parts;
    this.#below = parts.below;
    this.#written = parts.written.map((index) => index.seek(parts.lower, 0, parts.lower.length));
  }

  next(): boolean {
    if (this.#isClosed) return false;
    for (;;) {
      if (this.#isBelowTaken) this.#advanceBelow();
      const written = this.#smallestWritten();
      if (written === undefined && this.#below === undefined) break;
      const order = this.#compareWithBelow(written);
      if (order > 0) return this.#takeBelow();
      const keyBytes = this.#takeWritten(written as KeyCursor);
      const key = this.#scratch;
      const found = this.#stateOf(key, keyBytes);
      if (found === "below") {
        if (order === 0) return this.#takeBelow();
        continue;
      }
      this.#isBelowTaken = order === 0;
      this.#setCurrent(key, 0, keyBytes);
      if (found === "deleted") continue;
      this.key.reset(key, 0, keyBytes);
      if (found instanceof Uint8Array) this.value.reset(found);
      else copyReader(found, this.value);
      return true;
    }
    this.close();
    return false;
  }

  /** To be called before a key is changed. */
  keep(key: Uint8Array, keyBytes: number): void {
    const { lower, upper, lookUp } = this.#parts;
    if (compare(key, 0, keyBytes, lower, 0, lower.length) < 0 || compare(key, 0, keyBytes, upper, 0, upper.length) >= 0) return;
    if (this.#current !== undefined && compare(key, 0, keyBytes, this.#current, this.#currentStart, this.#currentEnd) <= 0) return;
    const name = nameOf(key, 0, keyBytes);
    if (this.#kept.has(name)) return;
    const found = lookUp(key, 0, keyBytes);
    this.#kept.set(name, typeof found === "string" ? found : found.bytes.slice(found.position, found.end));
  }

  /** Copies what is left to see of the table, so that the table may forget it. */
  detach(): void {
    const { lower, upper, written } = this.#parts;
    for (const index of written) {
      for (const cursor = index.seek(lower, 0, lower.length); cursor.isValid; cursor.next()) {
        const { bytes, start, end } = cursor;
        if (compare(bytes, start, end, upper, 0, upper.length) >= 0) break;
        this.keep(bytes.slice(start, end), end - start);
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.below?.close();
    this.#parts.onClose(this);
  }

  #stateOf(key: Uint8Array, keyBytes: number): OverlayValue | ByteReader {
    const kept = this.#kept.size === 0 ? undefined : this.#kept.get(nameOf(key, 0, keyBytes));
    return kept ?? this.#parts.lookUp(key, 0, keyBytes);
  }

  #smallestWritten(): KeyCursor | undefined {
    const { upper } = this.#parts;
    let smallest: KeyCursor | undefined;
    for (const cursor of this.#written) {
      if (!cursor.isValid) continue;
      if (smallest === undefined || compare(cursor.bytes, cursor.start, cursor.end, smallest.bytes, smallest.start, smallest.end) < 0) {
        smallest = cursor;
      }
    }
    if (smallest === undefined || compare(smallest.bytes, smallest.start, smallest.end, upper, 0, upper.length) >= 0) return undefined;
    return smallest;
  }

  /** Copies the key that a cursor stands at to the scratch, and moves all cursors behind it. */
  #takeWritten({ bytes, start, end }: KeyCursor): number {
    const keyBytes = end - start;
    if (keyBytes > this.#scratch.length) this.#scratch = new Uint8Array(Math.max(64, keyBytes * 2));
    const key = this.#scratch;
    copyBytes(bytes, start, end, key, 0);
    for (const cursor of this.#written) {
      while (cursor.isValid && compare(cursor.bytes, cursor.start, cursor.end, key, 0, keyBytes) <= 0) cursor.next();
    }
    return keyBytes;
  }

  /** Below 0 where the written key comes first, above 0 where the backing store's does. */
  #compareWithBelow(written: KeyCursor | undefined): number {
    const below = this.#below;
    if (below === undefined) return -1;
    if (written === undefined) return 1;
    return compare(written.bytes, written.start, written.end, below.buffer, below.keyStart, below.keyEnd);
  }

  #takeBelow(): boolean {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = this.#below as BackingIterator;
    this.key.reset(buffer, keyStart, keyEnd);
    this.value.reset(buffer, valueStart, valueEnd);
    this.#setCurrent(buffer, keyStart, keyEnd);
    this.#isBelowTaken = true;
    return true;
  }

  #setCurrent(key: Uint8Array, start: number, end: number): void {
    this.#current = key;
    this.#currentStart = start;
    this.#currentEnd = end;
  }

  #advanceBelow(): void {
    this.#isBelowTaken = false;
    if (this.#below?.next() === false) this.#below = undefined;
  }
}

function copyReader(from: ByteReader, to: ByteReader): void {
  to.bytes = from.bytes;
  to.view = from.view;
  to.position = from.position;
  to.end = from.end;
}

function nameOf(key: Uint8Array, start: number, end: number): string {
  return Buffer.from(key.buffer, key.byteOffset + start, end - start).toString("latin1");
}

function compare(left: Uint8Array, leftStart: number, leftEnd: number, right: Uint8Array, rightStart: number, rightEnd: number): number {
  const length = Math.min(leftEnd - leftStart, rightEnd - rightStart);
  for (let i = 0; i < length; i += 1) {
    const difference = (left[leftStart + i] as number) - (right[rightStart + i] as number);
    if (difference !== 0) return difference;
  }
  return leftEnd - leftStart - (rightEnd - rightStart);
}

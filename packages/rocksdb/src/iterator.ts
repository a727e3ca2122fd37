import { checkRange, copyBytes, grownBuffer } from "./byte-buffer.js";
import { RocksDBError } from "./errors.js";
import type { NativeBinding } from "./native.js";
import type { Snapshot } from "./snapshot.js";

const REVERSE = 1;
const SKIP_CACHE = 2;
const HAS_LOWER = 4;
const HAS_UPPER = 8;

const ENTRY_HEADER_BYTES = 8;
/** The first chunk has few entries, because many scans read few; each further one has four times as many. */
const FIRST_CHUNK_ENTRIES = 12;
const FIRST_CHUNK_BYTES = 4096;
const MAX_CHUNK_ENTRIES = 0xffff_ffff;
const MAX_CHUNK_BYTES = 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

export interface IteratorOptions {
  /** First key of the range (inclusive). */
  readonly lower?: Uint8Array;
  /** End of the range (exclusive). */
  readonly upper?: Uint8Array;
  /** Start at the end and go to smaller keys. Default false. */
  readonly reverse?: boolean;
  /** Read at this snapshot; default: at the moment the iterator is opened. */
  readonly snapshot?: Snapshot;
  /** Whether the blocks read stay in the block cache; default true. Say false for scans of everything. */
  readonly fillCache?: boolean;
}

/** An entry as copies, for callers that do not count allocations. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function packBounds(lower: Uint8Array, upper: Uint8Array): Uint8Array {
  const bounds = new Uint8Array(lower.length + upper.length);
  bounds.set(lower);
  bounds.set(upper, lower.length);
  return bounds;
}

/**
 * Entries of a column family in the order of their keys, as they were when the iterator was opened. Call `next` until it
 * returns false; after a true the positions say where key and value are in `buffer`, until the following call.
 * Close it: an open iterator keeps files from being deleted. Methods throw RocksDBError DISPOSED after closing it or the
 * database, and STATE_CORRUPT or IO when a file cannot be read.
 */
export class DatabaseIterator implements Iterable<Entry> {
  readonly #native: NativeBinding;
  readonly #database: number;
  readonly #handle: number;
  #isClosed = false;
  #isAtEnd = false;
  #chunkLimit = FIRST_CHUNK_BYTES;
  #chunkEntries = FIRST_CHUNK_ENTRIES;
  #filled = 0;
  #position = 0;
  #target = NO_BYTES;

  /** Holds the current entry. A chunk that is read later may use another buffer. */
  buffer: Uint8Array = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  /** Made by `Database.iterator`. */
  constructor(native: NativeBinding, database: number, columnFamily: number, snapshot: number, options: IteratorOptions) {
    const { lower, upper } = options;
    if (lower !== undefined) checkRange(lower, 0, lower.length);
    if (upper !== undefined) checkRange(upper, 0, upper.length);
    const flags =
      (options.reverse === true ? REVERSE : 0) |
      (options.fillCache === false ? SKIP_CACHE : 0) |
      (lower === undefined ? 0 : HAS_LOWER) |
      (upper === undefined ? 0 : HAS_UPPER);
    const bounds = packBounds(lower ?? NO_BYTES, upper ?? NO_BYTES);
    this.#native = native;
    this.#database = database;
    this.#handle = native.openIterator(database, columnFamily, snapshot, flags, bounds, lower?.length ?? 0, upper?.length ?? 0);
  }

  /** Moves to the next entry; false at the end. */
  next(): boolean {
    if (this.#position >= this.#filled && !this.#readChunk()) return false;
    const buffer = this.buffer;
    const start = this.#position;
    const keyLength = readUint32(buffer, start);
    const valueLength = readUint32(buffer, start + 4);
    this.keyStart = start + ENTRY_HEADER_BYTES;
    this.keyEnd = this.keyStart + keyLength;
    this.valueStart = this.keyEnd;
    this.valueEnd = this.valueStart + valueLength;
    this.#position = this.valueEnd;
    return true;
  }

  /** Makes the next `next` return the first entry at or after the key (before it, in reverse). Bounds still hold. */
  seek(key: Uint8Array, start = 0, end = key.length): void {
    checkRange(key, start, end);
    this.#seek(key, start, end, NO_BYTES);
  }

  /**
   * Goes to another range [lower, upper), which costs a fraction of opening an iterator. Only for one that was opened with an upper bound
   * and not in reverse. Entries behind the bound may come where the old bound was behind them, so look at the keys.
   */
  seekRange(lower: Uint8Array, upper: Uint8Array): void {
    checkRange(upper, 0, upper.length);
    this.#seek(lower, 0, lower.length, upper);
  }

  #seek(key: Uint8Array, start: number, end: number, upper: Uint8Array): void {
    this.#checkOpen();
    const keyLength = end - start;
    const length = keyLength + upper.length;
    if (length > this.#target.length) this.#target = grownBuffer(this.#target, length, 0);
    copyBytes(key, start, end, this.#target, 0);
    copyBytes(upper, 0, upper.length, this.#target, keyLength);
    this.#native.seekIterator(this.#database, this.#handle, this.#target, keyLength, upper.length);
    this.#filled = 0;
    this.#position = 0;
    this.#isAtEnd = false;
    this.#chunkLimit = FIRST_CHUNK_BYTES;
    this.#chunkEntries = FIRST_CHUNK_ENTRIES;
  }

  /** The current key; a view of `buffer`. */
  key(): Uint8Array {
    return this.buffer.subarray(this.keyStart, this.keyEnd);
  }

  /** The current value; a view of `buffer`. */
  value(): Uint8Array {
    return this.buffer.subarray(this.valueStart, this.valueEnd);
  }

  /** May be called again; does nothing then, or when the database closed it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#filled = 0;
    this.#position = 0;
    try {
      this.#native.closeIterator(this.#database, this.#handle);
    } catch (error) {
      if (!(error instanceof RocksDBError) || error.code !== "DISPOSED") throw error;
    }
  }

  /** The remaining entries as copies; closes the iterator at the end of the loop, also when it is left early. */
  *[Symbol.iterator](): Generator<Entry> {
    try {
      while (this.next()) yield { key: this.key().slice(), value: this.value().slice() };
    } finally {
      this.close();
    }
  }

  #readChunk(): boolean {
    this.#checkOpen();
    if (this.#isAtEnd) return false;
    if (this.buffer.length < this.#chunkLimit) this.buffer = new Uint8Array(this.#chunkLimit);
    let filled = this.#native.nextChunk(this.#database, this.#handle, this.buffer, this.#chunkEntries);
    if (filled < 0) {
      this.buffer = grownBuffer(NO_BYTES, -filled, 0);
      filled = this.#native.nextChunk(this.#database, this.#handle, this.buffer, this.#chunkEntries);
    }
    this.#filled = filled;
    this.#position = 0;
    this.#isAtEnd = filled === 0;
    this.#chunkLimit = Math.min(this.#chunkLimit * 4, MAX_CHUNK_BYTES);
    this.#chunkEntries = Math.min(this.#chunkEntries * 4, MAX_CHUNK_ENTRIES);
    return filled > 0;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new RocksDBError("DISPOSED", "the iterator is closed");
  }
}

function readUint32(bytes: Uint8Array, position: number): number {
  const low = (bytes[position] as number) | ((bytes[position + 1] as number) << 8);
  return (low | ((bytes[position + 2] as number) << 16) | ((bytes[position + 3] as number) << 24)) >>> 0;
}

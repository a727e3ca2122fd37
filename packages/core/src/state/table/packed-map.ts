import { type ByteSource, copyRange, copyWords, sameWords } from "../serializers/byte-source.js";
import { StateError } from "../../errors/index.js";

/**
 * How the entries of a small map lie in one piece of bytes, sorted by map key. An object of this kind is a cursor: find() and read()
 * set the fields below, which hold until the next call of either.
 */
export interface PackedMap {
  /** Where the entry begins. */
  readonly at: number;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  /** The end of the value and of the entry. */
  readonly valueEnd: number;
  /** Looks for a map key, `key[keyStart .. keyEnd)`, in `map[start .. end)`. When false, the fields mean nothing. */
  find(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): boolean;
  /** Where the entry of a map key that is not there would begin. */
  placeOf(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): number;
  /** Goes to the entry that begins at `at`. */
  read(map: ByteSource, at: number): void;
  /** Entries in `map[start .. end)`. */
  count(map: ByteSource, start: number, end: number): number;
  /** Size of an entry. */
  entryBytes(keyBytes: number, valueBytes: number): number;
  write(
    map: ByteSource, at: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): void;
}

/** The layout for map keys and values of these sizes, undefined where a size varies. */
export function packedMap(keyBytes: number | undefined, valueBytes: number | undefined): PackedMap {
  return keyBytes === undefined || valueBytes === undefined ? new VariableEntries() : new FixedEntries(keyBytes, valueBytes);
}

/** A range of entries up to this many is searched one by one, a longer one is halved first. */
const linearMax = 16;

/** A constant of this module: the engine calls it without a check; an import it loads and checks at each call. */
const sameBytes = sameWords;

/** `key | value`, one behind the other: keys of one size with values of one size. */
class FixedEntries implements PackedMap {
  at = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #keyBytes: number = 0;
  readonly #entryBytes: number = 0;
  /** Of a range that is searched one by one. */
  readonly #linearBytes: number = 0;

  constructor(keyBytes: number, valueBytes: number) {
    this.#keyBytes = keyBytes;
    this.#entryBytes = keyBytes + valueBytes;
    this.#linearBytes = linearMax * this.#entryBytes;
  }

  find(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const keyBytes = this.#keyBytes;
    const entryBytes = this.#entryBytes;
    if (keyEnd - keyStart !== keyBytes) {
      throw new StateError("INTERNAL", `a map key takes ${keyEnd - keyStart} bytes and its serializer says ${keyBytes}`);
    }
    let from = start;
    let to = end;
    // In bytes: a count would be a division for each search.
    while (to - from > this.#linearBytes) {
      const middle = from + (((to - from) / entryBytes) >>> 1) * entryBytes;
      if (compareFixed(map, middle, key, keyStart, keyBytes) <= 0) from = middle;
      else to = middle;
    }
    return keyBytes < 4 ? this.#scanShort(map, from, to, key, keyStart) : this.#scan(map, from, to, key, keyStart);
  }

  /** Looks at the last four bytes of each key, which tell most keys apart. */
  #scan(map: ByteSource, from: number, to: number, key: ByteSource, keyStart: number): boolean {
    const { view } = map;
    const keyBytes = this.#keyBytes;
    const rest = keyBytes - 4;
    const word = key.view.getInt32(keyStart + rest, true);
    let at = this.#wordAt(view, from + rest, to, word);
    // All of the key, of which eight bytes are compared faster than four.
    while (at !== -1 && !sameBytes(view, at - rest, key.view, keyStart, keyBytes)) at = this.#wordAt(view, at + this.#entryBytes, to, word);
    if (at === -1) return false;
    this.read(map, at - rest);
    return true;
  }

  /** The first of the places `at`, an entry further and so on that has a word, or -1. Four at a time, which takes half the time. */
  #wordAt(view: DataView, from: number, to: number, word: number): number {
    const entryBytes = this.#entryBytes;
    let at = from;
    for (; at + 3 * entryBytes < to; at += 4 * entryBytes) {
      if (view.getInt32(at, true) === word) return at;
      if (view.getInt32(at + entryBytes, true) === word) return at + entryBytes;
      if (view.getInt32(at + 2 * entryBytes, true) === word) return at + 2 * entryBytes;
      if (view.getInt32(at + 3 * entryBytes, true) === word) return at + 3 * entryBytes;
    }
    for (; at < to; at += entryBytes) if (view.getInt32(at, true) === word) return at;
    return -1;
  }

  #scanShort(map: ByteSource, from: number, to: number, key: ByteSource, keyStart: number): boolean {
    for (let at = from; at < to; at += this.#entryBytes) {
      if (!sameBytes(map.view, at, key.view, keyStart, this.#keyBytes)) continue;
      this.read(map, at);
      return true;
    }
    return false;
  }

  placeOf(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number): number {
    const entryBytes = this.#entryBytes;
    let from = start;
    for (let count = (end - start) / entryBytes; count > 0; ) {
      const half = count >>> 1;
      if (compareFixed(map, from + half * entryBytes, key, keyStart, this.#keyBytes) < 0) {
        from += (half + 1) * entryBytes;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return from;
  }

  read(_map: ByteSource, at: number): void {
    this.at = at;
    this.keyStart = at;
    this.keyEnd = this.valueStart = at + this.#keyBytes;
    this.valueEnd = at + this.#entryBytes;
  }

  count(_map: ByteSource, start: number, end: number): number {
    return (end - start) / this.#entryBytes;
  }

  entryBytes(): number {
    return this.#entryBytes;
  }

  write(
    map: ByteSource, at: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): void {
    copyWords(key.view, keyStart, keyEnd - keyStart, map.view, at);
    copyRange(value, valueStart, valueEnd, map.bytes, map.view, at + this.#keyBytes);
  }
}

/** `key length (varint) | key | value length (varint) | value`, one behind the other. */
class VariableEntries implements PackedMap {
  at = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  find(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    for (let at = start; at < end; at = this.valueEnd) {
      this.read(map, at);
      const difference = compare(map, this.keyStart, this.keyEnd, key, keyStart, keyEnd);
      if (difference >= 0) return difference === 0;
    }
    return false;
  }

  placeOf(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): number {
    for (let at = start; at < end; at = this.valueEnd) {
      this.read(map, at);
      if (compare(map, this.keyStart, this.keyEnd, key, keyStart, keyEnd) >= 0) return at;
    }
    return end;
  }

  read({ bytes }: ByteSource, at: number): void {
    this.at = at;
    let next = this.#readLength(bytes, at);
    this.keyStart = next;
    this.keyEnd = next += this.#length;
    next = this.#readLength(bytes, next);
    this.valueStart = next;
    this.valueEnd = next + this.#length;
  }

  count(map: ByteSource, start: number, end: number): number {
    let count = 0;
    for (let at = start; at < end; at = this.valueEnd) {
      this.read(map, at);
      count += 1;
    }
    return count;
  }

  entryBytes(keyBytes: number, valueBytes: number): number {
    return lengthBytes(keyBytes) + keyBytes + lengthBytes(valueBytes) + valueBytes;
  }

  write(
    map: ByteSource, at: number,
    key: ByteSource, keyStart: number, keyEnd: number,
    value: ByteSource, valueStart: number, valueEnd: number,
  ): void {
    const keyAt = writeLength(map.bytes, at, keyEnd - keyStart);
    copyRange(key, keyStart, keyEnd, map.bytes, map.view, keyAt);
    const valueAt = writeLength(map.bytes, keyAt + keyEnd - keyStart, valueEnd - valueStart);
    copyRange(value, valueStart, valueEnd, map.bytes, map.view, valueAt);
  }

  /** What readLength() read, to give back two numbers without an object. */
  #length = 0;

  /** Reads a length; where it ends. */
  #readLength(bytes: Uint8Array, at: number): number {
    let next = at;
    let byte = bytes[next++] as number;
    let length = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[next++] as number;
      length |= (byte & 0x7f) << shift;
    }
    this.#length = length;
    return next;
  }
}

function lengthBytes(length: number): number {
  let count = 1;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) count += 1;
  return count;
}

function writeLength(bytes: Uint8Array, at: number, length: number): number {
  let next = at;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes[next++] = (rest & 0x7f) | 0x80;
  bytes[next++] = rest;
  return next;
}

/** The order of two keys of one size, by their bytes. */
function compareFixed(left: ByteSource, leftStart: number, right: ByteSource, rightStart: number, length: number): number {
  const words = length & ~3;
  let at = 0;
  for (; at < words; at += 4) {
    const one = left.view.getInt32(leftStart + at, false);
    const other = right.view.getInt32(rightStart + at, false);
    if (one !== other) return one >>> 0 < other >>> 0 ? -1 : 1;
  }
  for (; at < length; at += 1) {
    const difference = (left.bytes[leftStart + at] as number) - (right.bytes[rightStart + at] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compare(left: ByteSource, leftStart: number, leftEnd: number, right: ByteSource, rightStart: number, rightEnd: number): number {
  const leftBytes = leftEnd - leftStart;
  const rightBytes = rightEnd - rightStart;
  return compareFixed(left, leftStart, right, rightStart, Math.min(leftBytes, rightBytes)) || leftBytes - rightBytes;
}

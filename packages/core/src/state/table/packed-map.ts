import { type ByteSource, copyRange, copyWords } from "../serializers/byte-source.js";
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

/** `key | value`, one behind the other: keys of one size with values of one size. */
class FixedEntries implements PackedMap {
  at = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #keyBytes: number;
  readonly #entryBytes: number;

  constructor(keyBytes: number, valueBytes: number) {
    this.#keyBytes = keyBytes;
    this.#entryBytes = keyBytes + valueBytes;
  }

  find(map: ByteSource, start: number, end: number, key: ByteSource, keyStart: number, keyEnd: number): boolean {
    const keyBytes = this.#keyBytes;
    const entryBytes = this.#entryBytes;
    if (keyEnd - keyStart !== keyBytes) {
      throw new StateError("INTERNAL", `a map key takes ${keyEnd - keyStart} bytes and its serializer says ${keyBytes}`);
    }
    let from = start;
    let count = (end - start) / entryBytes;
    while (count > linearMax) {
      const half = count >>> 1;
      if (compareFixed(map, from + half * entryBytes, key, keyStart, keyBytes) <= 0) {
        from += half * entryBytes;
        count -= half;
      } else {
        count = half;
      }
    }
    // The last bytes tell most keys apart.
    const rest = keyBytes - 4;
    const word = rest < 0 ? 0 : key.view.getInt32(keyStart + rest, true);
    for (const to = from + count * entryBytes; from < to; from += entryBytes) {
      if (rest >= 0 && map.view.getInt32(from + rest, true) !== word) continue;
      if (compareFixed(map, from, key, keyStart, rest < 0 ? keyBytes : rest) !== 0) continue;
      this.read(map, from);
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

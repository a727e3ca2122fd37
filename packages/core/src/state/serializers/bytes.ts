import { StateError } from "../../errors/index.js";
import { type ByteSource, copyRange } from "./byte-source.js";

/** Largest encoding a writer makes unless told otherwise: 64 MiB. */
export const defaultMaxValueBytes = 64 * 1024 * 1024;

const smallestCapacityBytes = 64;

export interface ByteWriterOptions {
  /** Bytes to reserve at once. Default 256. */
  readonly initialBytes?: number;
  /** Longest content; one byte more throws `tooLargeCode`. Default 64 MiB. */
  readonly maxBytes?: number;
  /** The error over `maxBytes`: a writer of keys says KEY_TOO_LARGE. Default VALUE_TOO_LARGE. */
  readonly tooLargeCode?: "VALUE_TOO_LARGE" | "KEY_TOO_LARGE";
}

/**
 * A growing buffer that serializers append to. Made once and used again after `reset()`, so the path of a record
 * allocates nothing. The content is `bytes[0 .. length)`; `bytes` and `view` are replaced when the buffer grows, so
 * read them again after every write. Numbers are little-endian unless the method's name ends in `be`.
 */
export class ByteWriter {
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  readonly maxBytes: number;
  private readonly tooLargeCode: "VALUE_TOO_LARGE" | "KEY_TOO_LARGE";

  /** Throws INVALID_ARGUMENT where a size is not an integer from 1 to 2^31 - 1. */
  constructor(options: ByteWriterOptions = {}) {
    this.maxBytes = options.maxBytes ?? defaultMaxValueBytes;
    const initialBytes = options.initialBytes ?? Math.min(256, this.maxBytes);
    for (const [name, size] of [["maxBytes", this.maxBytes], ["initialBytes", initialBytes]] as const) {
      if (!Number.isSafeInteger(size) || size < 1 || size > 0x7fff_ffff) {
        throw new StateError("INVALID_ARGUMENT", `${name} must be an integer from 1 to 2^31 - 1 (bytes), got ${String(size)}`);
      }
    }
    this.tooLargeCode = options.tooLargeCode ?? "VALUE_TOO_LARGE";
    this.bytes = new Uint8Array(Math.min(initialBytes, this.maxBytes));
    this.view = new DataView(this.bytes.buffer);
  }

  /** Forgets the content and keeps the memory. */
  reset(): void {
    this.length = 0;
  }

  /** Makes room for `extra` bytes more. Throws VALUE_TOO_LARGE (or KEY_TOO_LARGE) where the limit would be passed. */
  ensure(extra: number): void {
    if (this.length + extra > this.bytes.length) this.grow(this.length + extra);
  }

  private grow(neededBytes: number): void {
    if (neededBytes > this.maxBytes) {
      const what = this.tooLargeCode === "KEY_TOO_LARGE" ? "key" : "value";
      throw new StateError(
        this.tooLargeCode,
        `an encoded ${what} needs at least ${neededBytes} bytes and the limit is ${this.maxBytes}; ` +
          (what === "key" ? "use a shorter key (a hash of it, say)" : "split the value over a list or map state") + " or raise the limit",
        { details: { neededBytes, maxBytes: this.maxBytes } },
      );
    }
    const capacityBytes = Math.min(this.maxBytes, Math.max(neededBytes, this.bytes.length * 2, smallestCapacityBytes));
    const grown = new Uint8Array(capacityBytes);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** One byte: the low 8 bits of `value`. */
  u8(value: number): void {
    this.ensure(1);
    this.bytes[this.length++] = value;
  }

  u16be(value: number): void {
    this.ensure(2);
    this.view.setUint16(this.length, value, false);
    this.length += 2;
  }

  u32be(value: number): void {
    this.ensure(4);
    this.view.setUint32(this.length, value, false);
    this.length += 4;
  }

  u32(value: number): void {
    this.ensure(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  i32(value: number): void {
    this.ensure(4);
    this.view.setInt32(this.length, value, true);
    this.length += 4;
  }

  f64(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  f64be(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.length, value, false);
    this.length += 8;
  }

  /** The low 64 bits of `value`, two's complement. */
  i64(value: bigint): void {
    this.ensure(8);
    this.view.setBigInt64(this.length, value, true);
    this.length += 8;
  }

  /** A safe integer as the same 8 bytes that `i64(BigInt(value))` writes, without making a bigint. */
  safeInteger(value: number): void {
    this.ensure(8);
    const low = value >>> 0;
    const { view, length } = this;
    view.setUint32(length, low, true);
    // Most numbers fit the low half.
    view.setInt32(length + 4, value === low ? 0 : (value - low) / 0x1_0000_0000, true);
    this.length = length + 8;
  }

  /** An unsigned 32-bit integer in 1 to 5 bytes, 7 bits each, lowest first (LEB128). */
  varint(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Appends `source[start .. end)`. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    const count = end - start;
    this.ensure(count);
    // Under some 30 bytes a loop beats making a subarray for set().
    if (count <= 32) {
      for (let i = start, at = this.length; i < end; i++, at++) this.bytes[at] = source[i] as number;
    } else {
      this.bytes.set(source.subarray(start, end), this.length);
    }
    this.length += count;
  }

  /** The same from bytes with a view over all of them, for some tens of bytes: word by word, without making an object. */
  rawWords(source: ByteSource, start: number, end: number): void {
    const count = end - start;
    this.ensure(count);
    copyRange(source, start, end, this.bytes, this.view, this.length);
    this.length += count;
  }

  /** Overwrites one byte that was written before. `position` must be inside the content. */
  patchU8(position: number, value: number): void {
    this.checkPatch(position, 1);
    this.bytes[position] = value;
  }

  /** Overwrites four bytes that were written before (a length that is known only now, say). */
  patchU32(position: number, value: number): void {
    this.checkPatch(position, 4);
    this.view.setUint32(position, value, true);
  }

  /** Overwrites four bytes that were written before, highest byte first. */
  patchU32be(position: number, value: number): void {
    this.checkPatch(position, 4);
    this.view.setUint32(position, value, false);
  }

  private checkPatch(position: number, count: number): void {
    if (!(position >= 0 && position + count <= this.length)) {
      throw new StateError("INTERNAL", `patch of ${count} bytes at ${position} is outside the ${this.length} written`);
    }
  }

  /** The content without a copy: valid until the next write or reset. */
  subarray(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** The content as an array of its own. */
  copy(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.subarray());
  }
}

const noBytes = new Uint8Array(0);

/**
 * Reads `bytes[position .. end)`. Made once and pointed at other bytes with `reset()`. Every read is checked against
 * `end` and throws STATE_CORRUPT beyond it. Numbers are little-endian unless the method's name ends in `be`.
 */
export class ByteReader {
  bytes: Uint8Array = noBytes;
  view: DataView = new DataView(noBytes.buffer);
  position = 0;
  end = 0;

  /** Reads all of `bytes`, or its part `start .. end`. */
  constructor(bytes?: Uint8Array, start?: number, end?: number) {
    if (bytes !== undefined) this.reset(bytes, start, end);
  }

  /** Starts over at `start` of `bytes`. Cheap where `bytes` is the array of the reset before. Throws INVALID_ARGUMENT. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new StateError("INVALID_ARGUMENT", `no range ${start} .. ${end} in ${bytes.length} bytes`);
    }
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.position = start;
    this.end = end;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Throws STATE_CORRUPT unless `count` more bytes are there. */
  need(count: number): void {
    if (!(count <= this.end - this.position)) this.overrun(count);
  }

  private overrun(count: number): never {
    throw new StateError("STATE_CORRUPT", `stored bytes end early: ${count} more needed at ${this.position}, ${this.remaining} left; ` +
      "restore from another checkpoint");
  }

  u8(): number {
    this.need(1);
    return this.bytes[this.position++] as number;
  }

  u16be(): number {
    this.need(2);
    const value = this.view.getUint16(this.position, false);
    this.position += 2;
    return value;
  }

  u32be(): number {
    this.need(4);
    const value = this.view.getUint32(this.position, false);
    this.position += 4;
    return value;
  }

  u32(): number {
    this.need(4);
    const value = this.view.getUint32(this.position, true);
    this.position += 4;
    return value;
  }

  i32(): number {
    this.need(4);
    const value = this.view.getInt32(this.position, true);
    this.position += 4;
    return value;
  }

  f64(): number {
    this.need(8);
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  f64be(): number {
    this.need(8);
    const value = this.view.getFloat64(this.position, false);
    this.position += 8;
    return value;
  }

  i64(): bigint {
    this.need(8);
    const value = this.view.getBigInt64(this.position, true);
    this.position += 8;
    return value;
  }

  /** Eight bytes of a safe integer. Throws STATE_CORRUPT where the 64-bit number is not one. */
  safeInteger(): number {
    this.need(8);
    const high = this.view.getInt32(this.position + 4, true);
    const value = high * 0x1_0000_0000 + this.view.getUint32(this.position, true);
    // The product is exact; only a sum past 2^53 rounds, and that one is refused whichever way it rounds.
    if (high > 0x1f_ffff || high < -0x20_0000 || value === -0x20_0000_0000_0000) {
      const stored = this.view.getBigInt64(this.position, true);
      throw new StateError("STATE_CORRUPT", `the stored integer ${stored} is past what a number holds exactly; ` +
        "read this state with bigint64()");
    }
    this.position += 8;
    return value;
  }

  /** What `ByteWriter.varint` wrote; only the shortest form is taken. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (byte <= 0x7f) {
        if ((byte === 0 && shift > 0) || (shift === 28 && byte > 0x0f)) break;
        return (value | (byte << shift)) >>> 0;
      }
      value |= (byte & 0x7f) << shift;
    }
    throw new StateError("STATE_CORRUPT", `malformed length before position ${this.position}; restore from another checkpoint`);
  }

  /**
   * A count of elements that take at least `elementBytes` each. Throws STATE_CORRUPT where fewer bytes are left, so
   * that a damaged count never makes anyone allocate for it.
   */
  count(elementBytes: number): number {
    const count = this.varint();
    this.need(count * elementBytes);
    return count;
  }

  /** The next `count` bytes without a copy: valid only as long as the bytes underneath stay. */
  subarray(count: number): Uint8Array {
    this.need(count);
    const start = this.position;
    this.position = start + count;
    return this.bytes.subarray(start, start + count);
  }

  /** The next `count` bytes as an array of its own. */
  copy(count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.subarray(count));
  }

  skip(count: number): void {
    this.need(count);
    this.position += count;
  }

  /** Throws STATE_CORRUPT unless everything up to `end` was read. */
  expectEnd(): void {
    if (this.position !== this.end) {
      throw new StateError("STATE_CORRUPT", `${this.remaining} bytes too many after a stored value; restore from another checkpoint`);
    }
  }
}

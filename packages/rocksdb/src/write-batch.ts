import { checkRange, copyBytes, grownBuffer } from "./byte-buffer.js";
import { RocksDBError } from "./errors.js";

const PUT = 0;
const DELETE = 1;
const MERGE = 2;
const DELETE_RANGE = 3;

/** u16 column family, u8 operation, u8 zero, u32 key length, u32 value length, all little endian. */
const HEADER_BYTES = 12;
const MAX_COLUMN_FAMILY = 65535;
const NO_BYTES = new Uint8Array(0);

export interface WriteBatchOptions {
  /** Size the buffer starts with; default 4 KiB. */
  readonly initialBytes?: number;
  /** Size at which adding fails with BATCH_TOO_LARGE; default 64 MiB, at most 1 GiB. */
  readonly limitBytes?: number;
}

function checkSize(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new RocksDBError("INVALID_ARGUMENT", `${name} must be a whole number from 1 to ${max}`);
}

/**
 * Writes that `Database.write` applies together or not at all. Keys and values are given as a range of a Uint8Array and
 * copied at once, without an allocation a record. A batch can be filled again after `clear` and keeps its memory.
 * Every method throws RocksDBError INVALID_ARGUMENT for a range outside its array, and BATCH_TOO_LARGE when the record
 * does not fit below limitBytes; the batch is then unchanged.
 */
export class WriteBatch {
  readonly #limitBytes: number;
  #buffer: Uint8Array;
  #view: DataView;
  #sizeBytes = 0;
  #count = 0;

  constructor(options: WriteBatchOptions = {}) {
    this.#limitBytes = checkSize("limitBytes", options.limitBytes ?? 64 * 1024 * 1024, 1024 ** 3);
    this.#buffer = new Uint8Array(checkSize("initialBytes", options.initialBytes ?? 4096, this.#limitBytes));
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Number of records. */
  get count(): number {
    return this.#count;
  }

  /** Size of the records with their headers of 12 bytes. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The records; only the first sizeBytes are meaningful, until the batch is changed. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  put(
    columnFamily: number,
    key: Uint8Array,
    value: Uint8Array,
    keyStart = 0,
    keyEnd = key.length,
    valueStart = 0,
    valueEnd = value.length,
  ): void {
    this.#add(PUT, columnFamily, key, keyStart, keyEnd, value, valueStart, valueEnd);
  }

  delete(columnFamily: number, key: Uint8Array, start = 0, end = key.length): void {
    this.#add(DELETE, columnFamily, key, start, end, NO_BYTES, 0, 0);
  }

  /** Combines the operand with what is stored, as the column family's merge operator says. */
  merge(
    columnFamily: number,
    key: Uint8Array,
    operand: Uint8Array,
    keyStart = 0,
    keyEnd = key.length,
    operandStart = 0,
    operandEnd = operand.length,
  ): void {
    this.#add(MERGE, columnFamily, key, keyStart, keyEnd, operand, operandStart, operandEnd);
  }

  /** Deletes all keys from `from` (inclusive) to `to` (exclusive); cheap to write, but many of them slow reads down. */
  deleteRange(
    columnFamily: number,
    from: Uint8Array,
    to: Uint8Array,
    fromStart = 0,
    fromEnd = from.length,
    toStart = 0,
    toEnd = to.length,
  ): void {
    this.#add(DELETE_RANGE, columnFamily, from, fromStart, fromEnd, to, toStart, toEnd);
  }

  clear(): void {
    this.#sizeBytes = 0;
    this.#count = 0;
  }

  #add(
    operation: number,
    columnFamily: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (!(columnFamily >= 0 && columnFamily <= MAX_COLUMN_FAMILY) || !Number.isInteger(columnFamily)) {
      throw new RocksDBError("INVALID_ARGUMENT", `${columnFamily} is not the number of a column family`);
    }
    checkRange(key, keyStart, keyEnd);
    checkRange(value, valueStart, valueEnd);
    const keyLength = keyEnd - keyStart;
    const valueLength = valueEnd - valueStart;
    const position = this.#sizeBytes;
    const end = position + HEADER_BYTES + keyLength + valueLength;
    if (end > this.#buffer.length || end > this.#limitBytes) this.#grow(end);
    const buffer = this.#buffer;
    const view = this.#view;
    view.setUint16(position, columnFamily, true);
    buffer[position + 2] = operation;
    buffer[position + 3] = 0;
    view.setUint32(position + 4, keyLength, true);
    view.setUint32(position + 8, valueLength, true);
    copyBytes(key, keyStart, keyEnd, buffer, position + HEADER_BYTES);
    copyBytes(value, valueStart, valueEnd, buffer, position + HEADER_BYTES + keyLength);
    this.#sizeBytes = end;
    this.#count++;
  }

  #grow(needed: number): void {
    if (needed > this.#limitBytes) {
      throw new RocksDBError(
        "BATCH_TOO_LARGE",
        `the batch would have ${needed} bytes, more than its limit of ${this.#limitBytes}: write it and clear it first`,
      );
    }
    this.#buffer = grownBuffer(this.#buffer, needed, this.#sizeBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }
}

import { StateError } from "../../errors/index.js";
import type { ColumnData, ColumnRequest } from "./columns.js";

/**
 * Gathers the values of one column of one row group from the decoder's boxed arrays into typed arrays, and checks each:
 * a damaged page shows as a missing value, a value of another type, or too many or too few rows.
 */
export class ColumnCollector {
  readonly #request: ColumnRequest;
  readonly #rows: number;
  /** Nulls that the file says this column has; undefined when it does not say. */
  readonly #declaredNulls: number | undefined;
  readonly #values: Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  #unsigned = false;
  #nulls: Uint8Array<ArrayBuffer> | undefined;
  #nullCount = 0;
  #filled = 0;
  readonly #dictionary: string[] = [];
  readonly #codes = new Map<string, number>();
  readonly #textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(request: ColumnRequest, rows: number, declaredNulls: number | undefined) {
    this.#request = request;
    this.#rows = rows;
    this.#declaredNulls = declaredNulls;
    this.#values = allocate(request.kind, rows);
  }

  /** The dictionary number of a string. Throws for bytes that are not UTF-8. */
  intern(bytes: Uint8Array): number {
    const text = this.#textDecoder.decode(bytes);
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#dictionary.length;
      this.#dictionary.push(text);
      this.#codes.set(text, code);
    }
    return code;
  }

  append(data: ArrayLike<unknown>): void {
    if (this.#filled + data.length > this.#rows) throw damage(`it has more than the ${this.#rows} rows it should have`);
    const values = this.#values;
    if (values instanceof Float64Array) this.#appendNumbers(values, data);
    else if (values instanceof BigInt64Array) this.#appendBigInts(values, data);
    else this.#appendSmall(values, data);
    this.#filled += data.length;
  }

  finish(): ColumnData {
    if (this.#filled !== this.#rows) throw damage(`it has ${this.#filled} rows instead of ${this.#rows}`);
    this.#checkNulls();
    const values = this.#values;
    const nulls = this.#nulls === undefined ? {} : { nulls: this.#nulls };
    if (values instanceof Float64Array) return { kind: "number", values, ...nulls };
    if (values instanceof BigInt64Array) {
      return { kind: "bigint", values: this.#unsigned ? new BigUint64Array(values.buffer) : values, ...nulls };
    }
    if (values instanceof Uint32Array) return { kind: "string", dictionary: this.#dictionary, values, ...nulls };
    return { kind: "boolean", values, ...nulls };
  }

  #appendNumbers(values: Float64Array, data: ArrayLike<unknown>): void {
    const start = this.#filled;
    for (let index = 0; index < data.length; index++) {
      const value = data[index];
      if (typeof value === "number") values[start + index] = value;
      else if (typeof value === "bigint") values[start + index] = this.#exactNumber(value);
      else this.#takeNull(start + index, value);
    }
  }

  #appendBigInts(values: BigInt64Array, data: ArrayLike<unknown>): void {
    const start = this.#filled;
    for (let index = 0; index < data.length; index++) {
      const value = data[index];
      if (typeof value === "bigint") {
        if (value > 0x7fff_ffff_ffff_ffffn) this.#unsigned = true;
        values[start + index] = value;
      } else if (typeof value === "number" && Number.isInteger(value)) values[start + index] = BigInt(value);
      else this.#takeNull(start + index, value);
    }
  }

  /** Dictionary numbers of strings, or booleans. */
  #appendSmall(values: Uint32Array | Uint8Array, data: ArrayLike<unknown>): void {
    const start = this.#filled;
    const expected = this.#request.kind === "boolean" ? "boolean" : "number";
    for (let index = 0; index < data.length; index++) {
      const value = data[index];
      if (typeof value === expected) values[start + index] = Number(value);
      else this.#takeNull(start + index, value);
    }
  }

  #exactNumber(value: bigint): number {
    const result = Number(value);
    if (!Number.isSafeInteger(result)) {
      throw new StateError("INVALID_CONFIGURATION", `the value ${value} is too large for a number; declare the column as "bigint"`);
    }
    return result;
  }

  #takeNull(row: number, value: unknown): void {
    if (value !== null && value !== undefined) throw damage(`row ${row} holds a ${typeof value}`);
    this.#nulls ??= new Uint8Array(this.#rows);
    this.#nulls[row] = 1;
    this.#nullCount++;
  }

  #checkNulls(): void {
    const declared = this.#declaredNulls;
    // A dictionary index out of range decodes as a missing value: only the file's own count tells it from a null.
    if (declared !== undefined && declared !== this.#nullCount) {
      throw damage(`${this.#nullCount} rows have no value where the file says ${declared}`);
    }
    if (this.#nullCount > 0 && !this.#request.nullable) {
      const row = this.#nulls?.indexOf(1) ?? 0;
      throw new StateError("INVALID_CONFIGURATION", `row ${row} is null; declare the column as "${this.#request.kind}?" to take nulls`);
    }
  }
}

function allocate(
  kind: ColumnRequest["kind"],
  rows: number,
): Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  if (kind === "bigint") return new BigInt64Array(rows);
  if (kind === "boolean") return new Uint8Array(rows);
  if (kind === "string") return new Uint32Array(rows);
  return new Float64Array(rows);
}

function damage(what: string): StateError {
  return new StateError("INPUT_DAMAGED", what);
}

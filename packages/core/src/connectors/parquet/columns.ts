/**
 * How a column's values arrive in JavaScript:
 * - "number": any numeric column; an int64 that a number cannot hold exactly is refused
 * - "bigint": an integer column
 * - "boolean", "string"
 * - "timestamp": milliseconds since the epoch (UTC) as a number, rounded down; from timestamp and date columns
 *
 * A "?" behind the name takes nulls; without it a null is an error.
 */
export type ParquetColumnKind = "number" | "bigint" | "boolean" | "string" | "timestamp";
export type ParquetColumnType = ParquetColumnKind | `${ParquetColumnKind}?`;

/** Column name -> type, for the columns to read. */
export type ParquetColumns = Readonly<Record<string, ParquetColumnType>>;

interface KindValues {
  number: number;
  bigint: bigint;
  boolean: boolean;
  string: string;
  timestamp: number;
}

type ColumnValue<T> = T extends ParquetColumnKind
  ? KindValues[T]
  : T extends `${infer K extends ParquetColumnKind}?`
    ? KindValues[K] | null
    : never;

/** The values of one row. */
export type ParquetRow<C extends ParquetColumns> = { readonly [N in keyof C]: ColumnValue<C[N]> };

/** One column of a row group, in a shape that moves between threads without copying its numbers. */
export type ColumnData = NumberColumn | BigIntColumn | BooleanColumn | StringColumn;

export interface NumberColumn {
  readonly kind: "number";
  readonly values: Float64Array<ArrayBuffer>;
  /** 1 where the value is null; absent when there is none. */
  readonly nulls?: Uint8Array<ArrayBuffer>;
}

export interface BigIntColumn {
  readonly kind: "bigint";
  readonly values: BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;
  readonly nulls?: Uint8Array<ArrayBuffer>;
}

export interface BooleanColumn {
  readonly kind: "boolean";
  readonly values: Uint8Array<ArrayBuffer>;
  readonly nulls?: Uint8Array<ArrayBuffer>;
}

/** Each distinct string crosses the thread border once. */
export interface StringColumn {
  readonly kind: "string";
  readonly dictionary: readonly string[];
  readonly values: Uint32Array<ArrayBuffer>;
  readonly nulls?: Uint8Array<ArrayBuffer>;
}

/** A column to read, taken apart. */
export interface ColumnRequest {
  readonly name: string;
  readonly kind: ParquetColumnKind;
  readonly nullable: boolean;
}

const kinds: readonly string[] = ["number", "bigint", "boolean", "string", "timestamp"] satisfies readonly ParquetColumnKind[];

/** Takes a column declaration apart; undefined when `type` is none. */
export function columnRequest(name: string, type: string): ColumnRequest | undefined {
  const nullable = type.endsWith("?");
  const kind = nullable ? type.slice(0, -1) : type;
  return kinds.includes(kind) ? { name, kind: kind as ParquetColumnKind, nullable } : undefined;
}

/** The buffers to hand over (not copy) when a column moves to another thread. */
export function transferList(columns: readonly ColumnData[]): ArrayBuffer[] {
  return columns.flatMap((column) => (column.nulls === undefined ? [column.values.buffer] : [column.values.buffer, column.nulls.buffer]));
}

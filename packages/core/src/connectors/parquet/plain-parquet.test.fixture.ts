/**
 * The smallest writer of real Parquet files that tests need: flat columns, PLAIN encoding, no compression, version 1 pages.
 * Layout: https://parquet.apache.org/docs/file-format/
 */
export interface FixtureColumn {
  readonly name: string;
  readonly type: "BOOLEAN" | "INT32" | "INT64" | "DOUBLE" | "BYTE_ARRAY";
  readonly annotation?: "UTF8" | "DATE" | "TIMESTAMP_MILLIS" | "TIMESTAMP_MICROS";
  readonly isRequired?: boolean;
}

export type FixtureValue = boolean | number | bigint | string | Uint8Array | null;

const physicalTypes = { BOOLEAN: 0, INT32: 1, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 } as const;
const convertedTypes = { UTF8: 0, DATE: 6, TIMESTAMP_MILLIS: 9, TIMESTAMP_MICROS: 10 } as const;

/** A file with the given row groups; each is a list of rows in column order. */
export function plainParquet(
  columns: readonly FixtureColumn[],
  rowGroups: readonly (readonly FixtureValue[])[][],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [text("PAR1")];
  let offset = 4;
  const groups = rowGroups.map((rows) => {
    let groupBytes = 0;
    const chunks = columns.map((column, position) => {
      const values = rows.map((row) => row[position] ?? null);
      const page = dataPage(column, values);
      parts.push(page);
      const chunk = columnChunk(column, values, offset, page.length);
      offset += page.length;
      groupBytes += page.length;
      return chunk;
    });
    return struct([1, list(12, chunks)], [2, i64(groupBytes)], [3, i64(rows.length)]);
  });
  const schema = [struct([4, binary(text("root"))], [5, i32(columns.length)]), ...columns.map(schemaElement)];
  const rowCount = rowGroups.reduce((sum, rows) => sum + rows.length, 0);
  const footer = struct([1, i32(1)], [2, list(12, schema)], [3, i64(rowCount)], [4, list(12, groups)]).bytes;
  parts.push(footer, littleEndian(footer.length, 4), text("PAR1"));
  return join(parts);
}

interface Thrift {
  readonly type: number;
  readonly bytes: Uint8Array;
}

function schemaElement(column: FixtureColumn): Thrift {
  const fields: [number, Thrift][] = [
    [1, i32(physicalTypes[column.type])],
    [3, i32(column.isRequired === true ? 0 : 1)],
    [4, binary(text(column.name))],
  ];
  if (column.annotation !== undefined) fields.push([6, i32(convertedTypes[column.annotation])]);
  return struct(...fields);
}

function columnChunk(column: FixtureColumn, values: readonly FixtureValue[], offset: number, length: number): Thrift {
  const nulls = values.filter((value) => value === null).length;
  const metadata = struct(
    [1, i32(physicalTypes[column.type])],
    [2, list(5, [i32(0)])],
    [3, list(8, [binary(text(column.name))])],
    [4, i32(0)],
    [5, i64(values.length)],
    [6, i64(length)],
    [7, i64(length)],
    [9, i64(offset)],
    [12, struct([3, i64(nulls)])],
  );
  return struct([2, i64(offset)], [3, metadata]);
}

function dataPage(column: FixtureColumn, values: readonly FixtureValue[]): Uint8Array {
  const present = values.filter((value) => value !== null);
  const body = join([column.isRequired === true ? new Uint8Array(0) : definitionLevels(values), plainValues(column, present)]);
  const pageHeader = struct([1, i32(values.length)], [2, i32(0)], [3, i32(3)], [4, i32(3)]);
  return join([struct([1, i32(0)], [2, i32(body.length)], [3, i32(body.length)], [5, pageHeader]).bytes, body]);
}

/** One run a value: wasteful, valid. */
function definitionLevels(values: readonly FixtureValue[]): Uint8Array {
  const runs = Uint8Array.from(values.flatMap((value) => [2, value === null ? 0 : 1]));
  return join([littleEndian(runs.length, 4), runs]);
}

function plainValues(column: FixtureColumn, values: readonly FixtureValue[]): Uint8Array {
  if (column.type === "BOOLEAN") {
    const bits = new Uint8Array(Math.ceil(values.length / 8));
    for (const [index, value] of values.entries()) if (value === true) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    return bits;
  }
  return join(values.map((value) => plainValue(column, value)));
}

function plainValue(column: FixtureColumn, value: FixtureValue): Uint8Array {
  if (column.type === "BYTE_ARRAY") {
    const bytes = value instanceof Uint8Array ? value : text(String(value));
    return join([littleEndian(bytes.length, 4), bytes]);
  }
  const bytes = new Uint8Array(column.type === "INT32" ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (column.type === "INT32") view.setInt32(0, Number(value), true);
  else if (column.type === "INT64") view.setBigInt64(0, BigInt(value as number | bigint), true);
  else view.setFloat64(0, Number(value), true);
  return bytes;
}

function struct(...fields: readonly (readonly [id: number, value: Thrift])[]): Thrift {
  let last = 0;
  const parts = fields.map(([id, value]) => {
    const header = Uint8Array.of(((id - last) << 4) | value.type);
    last = id;
    return join([header, value.bytes]);
  });
  return { type: 12, bytes: join([...parts, Uint8Array.of(0)]) };
}

function list(elementType: number, elements: readonly Thrift[]): Thrift {
  const header =
    elements.length < 15
      ? Uint8Array.of((elements.length << 4) | elementType)
      : join([Uint8Array.of(0xf0 | elementType), varint(BigInt(elements.length))]);
  return { type: 9, bytes: join([header, ...elements.map((element) => element.bytes)]) };
}

function i32(value: number): Thrift {
  return { type: 5, bytes: varint(BigInt(value) << 1n) };
}

function i64(value: number): Thrift {
  return { type: 6, bytes: varint(BigInt(value) << 1n) };
}

function binary(bytes: Uint8Array): Thrift {
  return { type: 8, bytes: join([varint(BigInt(bytes.length)), bytes]) };
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function littleEndian(value: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (value >>> (8 * index)) & 255);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

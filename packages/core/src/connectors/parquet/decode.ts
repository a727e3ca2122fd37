import { crc32 } from "node:zlib";
import { parquetMetadataAsync, parquetRead } from "hyparquet";
import type { AsyncBuffer, FileMetaData, ParquetParsers, SchemaElement } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { isStateError, StateError } from "../../errors/index.js";
import type { ColumnData, ColumnRequest } from "./columns.js";
import { ColumnCollector } from "./column-collector.js";
import type { ParquetFileSummary } from "./messages.js";

const magic = 0x31524150; // "PAR1", little endian

/** A Parquet file whose footer was read and whose columns were found to be as asked for. */
export interface ParquetFile {
  readonly path: string;
  readonly bytes: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly columns: readonly ColumnRequest[];
  readonly summary: ParquetFileSummary;
}

/**
 * Reads and checks the footer. Throws INPUT_DAMAGED (not Parquet, cut short, bad footer, missing column) or
 * INVALID_CONFIGURATION (a column has another type than asked for).
 */
export async function openParquet(path: string, bytes: AsyncBuffer, columns: readonly ColumnRequest[]): Promise<ParquetFile> {
  await checkFrame(path, bytes);
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(bytes, { geoparquet: false });
  } catch (error) {
    throw damaged(path, "its footer cannot be read", error);
  }
  // All data lies before the footer, so a file that lost bytes in its middle is found here, before any of it is decoded.
  const rowGroups = checkRowGroups(path, bytes.byteLength - 8 - metadata.metadata_length, metadata);
  for (const column of columns) checkColumn(path, metadata, column);
  const footer = await bytes.slice(bytes.byteLength - 8 - metadata.metadata_length, bytes.byteLength);
  const footerCrc32 = crc32(new Uint8Array(footer)).toString(16).padStart(8, "0");
  return { path, bytes, metadata, columns, summary: { rowGroups, footerCrc32 } };
}

/** Decodes one row group. Throws INPUT_DAMAGED, or INVALID_CONFIGURATION for a value that does not fit the column's type. */
export async function decodeRowGroup(file: ParquetFile, rowGroup: number): Promise<ColumnData[]> {
  const { rowGroups } = file.summary;
  const rows = rowGroups[rowGroup] ?? 0;
  let rowStart = 0;
  for (let before = 0; before < rowGroup; before++) rowStart += rowGroups[before] ?? 0;
  const decoded: ColumnData[] = [];
  for (const column of file.columns) {
    // One column at a time: the parsers below number the strings of one column, and memory stays at one column's boxed values.
    const parts: { readonly rowStart: number; readonly data: ArrayLike<unknown> }[] = [];
    try {
      const collector = new ColumnCollector(column, rows, declaredNulls(file, rowGroup, column.name));
      await parquetRead({
        file: file.bytes,
        metadata: file.metadata,
        columns: [column.name],
        rowStart,
        rowEnd: rowStart + rows,
        compressors,
        geoparquet: false,
        parsers: parsersFor(collector),
        onChunk: (chunk) => parts.push({ rowStart: chunk.rowStart, data: chunk.columnData }),
      });
      parts.sort((a, b) => a.rowStart - b.rowStart);
      for (const part of parts) collector.append(part.data);
      decoded.push(collector.finish());
    } catch (error) {
      throw inColumn(file.path, rowGroup, column.name, error);
    }
  }
  return decoded;
}

async function checkFrame(path: string, bytes: AsyncBuffer): Promise<void> {
  if (bytes.byteLength === 0) throw damaged(path, "it is empty");
  const head = bytes.byteLength < 4 ? undefined : new DataView(await bytes.slice(0, 4)).getUint32(0, true);
  if (head !== magic) throw damaged(path, "it does not begin like a Parquet file; name a Parquet file");
  const tail =
    bytes.byteLength < 12 ? undefined : new DataView(await bytes.slice(bytes.byteLength - 4, bytes.byteLength)).getUint32(0, true);
  if (tail !== magic) throw damaged(path, `it is cut short: its ${bytes.byteLength} bytes end without a footer; fetch it again`);
}

function checkRowGroups(path: string, dataEnd: number, metadata: FileMetaData): number[] {
  const rowGroups = metadata.row_groups.map((group) => Number(group.num_rows));
  const total = rowGroups.reduce((sum, rows) => sum + rows, 0);
  if (!rowGroups.every((rows) => Number.isSafeInteger(rows) && rows >= 0) || total !== Number(metadata.num_rows)) {
    throw damaged(path, `its footer says ${String(metadata.num_rows)} rows, but its row groups have ${total}`);
  }
  for (const [index, group] of metadata.row_groups.entries()) {
    for (const chunk of group.columns) {
      const meta = chunk.meta_data;
      const end = Number(meta?.dictionary_page_offset ?? meta?.data_page_offset ?? -1) + Number(meta?.total_compressed_size ?? 0);
      if (meta === undefined || !(end >= 0 && end <= dataEnd) || !(Number(meta.total_compressed_size) >= 0)) {
        throw damaged(path, `row group ${index} of its footer points outside its data; fetch the file again`);
      }
    }
  }
  return rowGroups;
}

function checkColumn(path: string, metadata: FileMetaData, column: ColumnRequest): void {
  const element = topLevelElements(metadata).get(column.name);
  if (element === undefined) {
    const names = [...topLevelElements(metadata).keys()].join(", ");
    throw damaged(path, `it has no column ${column.name}; it has ${names === "" ? "none" : names}`);
  }
  const found = describeElement(element);
  if (!acceptedKinds(element).includes(column.kind)) {
    throw new StateError("INVALID_CONFIGURATION", `Column ${column.name} of ${path} is ${found}, which cannot be read as ${column.kind}`, {
      details: { path, column: column.name },
    });
  }
}

/** The footer lists the schema as a flattened tree: the root, then each child followed by its own children. */
function topLevelElements(metadata: FileMetaData): Map<string, SchemaElement> {
  const elements = new Map<string, SchemaElement>();
  let open = 0;
  for (const element of metadata.schema.slice(1)) {
    if (open === 0) elements.set(element.name, element);
    else open--;
    open += element.num_children ?? 0;
  }
  return elements;
}

function acceptedKinds(element: SchemaElement): readonly string[] {
  const logical = element.logical_type?.type;
  const converted = element.converted_type;
  if ((element.num_children ?? 0) > 0 || element.repetition_type === "REPEATED") return [];
  if (element.type === "INT96" || logical === "TIMESTAMP" || logical === "DATE") return ["timestamp"];
  if (converted === "DATE" || converted === "TIMESTAMP_MILLIS" || converted === "TIMESTAMP_MICROS") return ["timestamp"];
  if (logical === "DECIMAL" || converted === "DECIMAL" || logical === "FLOAT16") return ["number"];
  if (element.type === "INT32" || element.type === "INT64") return ["number", "bigint"];
  if (element.type === "FLOAT" || element.type === "DOUBLE") return ["number"];
  if (element.type === "BOOLEAN") return ["boolean"];
  const text =
    logical === undefined
      ? converted === undefined || converted === "UTF8" || converted === "ENUM"
      : logical === "STRING" || logical === "ENUM";
  return element.type === "BYTE_ARRAY" && text ? ["string"] : [];
}

function describeElement(element: SchemaElement): string {
  if ((element.num_children ?? 0) > 0 || element.repetition_type === "REPEATED") return "nested (only flat columns can be read)";
  const annotation = element.logical_type?.type ?? element.converted_type;
  return annotation === undefined ? String(element.type) : `${String(element.type)} (${annotation})`;
}

function declaredNulls(file: ParquetFile, rowGroup: number, column: string): number | undefined {
  if (topLevelElements(file.metadata).get(column)?.repetition_type === "REQUIRED") return 0;
  const chunk = file.metadata.row_groups[rowGroup]?.columns.find((candidate) => candidate.meta_data?.path_in_schema[0] === column);
  const count = chunk?.meta_data?.statistics?.null_count;
  return count === undefined ? undefined : Number(count);
}

/** Strings become numbers of the collector's dictionary, once per dictionary entry of the file where it has one. */
function parsersFor(collector: ColumnCollector): Partial<ParquetParsers> {
  return {
    stringFromBytes: (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : collector.intern(bytes)),
    timestampFromMilliseconds: (millis) => Number(millis),
    timestampFromMicroseconds: (micros) => floorDivide(micros, 1000n),
    timestampFromNanoseconds: (nanos) => floorDivide(nanos, 1_000_000n),
    dateFromDays: (days) => days * 86_400_000,
  };
}

function floorDivide(value: bigint, divisor: bigint): number {
  const quotient = value / divisor;
  return Number(value % divisor < 0n ? quotient - 1n : quotient);
}

function inColumn(path: string, rowGroup: number, column: string, error: unknown): StateError {
  const place = `column ${column} in row group ${rowGroup}`;
  if (isStateError(error) && error.code === "INVALID_CONFIGURATION") {
    return new StateError(error.code, `${path}, ${place}: ${error.message}`, { cause: error, details: { path, column, rowGroup } });
  }
  return damaged(path, `${place} does not decode`, error);
}

function damaged(path: string, what: string, cause?: unknown): StateError {
  const reason = cause === undefined ? "" : ` (${cause instanceof Error ? cause.message : String(cause)})`;
  return new StateError("INPUT_DAMAGED", `Cannot read ${path} as Parquet: ${what}${reason}`, { cause, details: { path } });
}

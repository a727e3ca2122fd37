import { basename } from "node:path";
import { StateError } from "../../errors/index.js";
import type { Source, SourceContext, SourceReader } from "../../operators/source.js";
import type { Json } from "../../storage/index.js";
import { openInput } from "../input-file.js";
import { requirePositiveInteger, requireSingleSubtask } from "../single-subtask.js";
import { columnRequest, type ColumnRequest, type ParquetColumns, type ParquetRow } from "./columns.js";
import { DecoderThread } from "./decoder-thread.js";
import { positionFromJson } from "./position.js";
import { ParquetReader } from "./parquet-reader.js";

export interface ParquetSourceOptions<C extends ParquetColumns> {
  readonly path: string;
  /** The columns to read and their types; all others are skipped. */
  readonly columns: C;
  /** Rows a batch; default 1,024. */
  readonly batchSize?: number;
  /** Reads only the first rows of the file. */
  readonly limit?: number;
}

export interface ParquetRecordOptions<C extends ParquetColumns, T> extends ParquetSourceOptions<C> {
  /** Makes a record of a row. `row` is the same object every time: take its values, never keep it. */
  readonly record: (row: ParquetRow<C>) => T;
}

/**
 * Reads a Parquet file, one row group at a time with one more decoded ahead, in a thread of its own; memory is bounded by
 * two row groups of the columns asked for. Codecs: none, Snappy, GZIP, Brotli, ZSTD, LZ4.
 *
 *     parquetSource({
 *       path: "flights.parquet",
 *       columns: { date: "timestamp", delay: "number", origin: "string" },
 *       record: (row) => ({ date: row.date, delay: row.delay, origin: row.origin }),
 *     })
 *
 * Throws INVALID_CONFIGURATION for options that do not fit (each other or the file), on opening INPUT_UNREADABLE or
 * INPUT_DAMAGED; a damaged page shows when it is reached.
 */
export function parquetSource<const C extends ParquetColumns, T>(options: ParquetRecordOptions<C, T>): Source<T>;
export function parquetSource<const C extends ParquetColumns>(options: ParquetSourceOptions<C>): Source<ParquetRow<C>>;
export function parquetSource(
  options: ParquetSourceOptions<ParquetColumns> & { record?: (row: ParquetRow<ParquetColumns>) => unknown },
): Source<unknown> {
  const { path, record = copyRow } = options;
  const columns = requestsOf(options.columns);
  const batchSize = requirePositiveInteger("batchSize", options.batchSize ?? 1_024);
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : requirePositiveInteger("limit", options.limit);
  const description = `parquet ${basename(path)}`;
  return {
    description,
    open: async (context, position) => {
      requireSingleSubtask(context, description);
      return openReader({ path, columns, record, batchSize, limit }, context, position);
    },
  };
}

interface ReaderOptions {
  readonly path: string;
  readonly columns: readonly ColumnRequest[];
  readonly record: (row: ParquetRow<ParquetColumns>) => unknown;
  readonly batchSize: number;
  readonly limit: number;
}

async function openReader(options: ReaderOptions, context: SourceContext, position: Json | undefined): Promise<SourceReader<unknown>> {
  const { path, columns } = options;
  const file = await openInput(context.fileSystem, path);
  const decoder = new DecoderThread(path, file);
  try {
    const summary = await decoder.open(columns);
    const start = position === undefined ? { rowGroup: 0, row: 0 } : positionFromJson(position, path, summary);
    return new ParquetReader({ ...options, file, decoder, summary, start, signal: context.signal });
  } catch (error) {
    await decoder.close(error);
    await file.close();
    throw error;
  }
}

function requestsOf(columns: ParquetColumns): ColumnRequest[] {
  const requests = Object.entries(columns).map(([name, type]) => {
    const request = columnRequest(name, type);
    if (request !== undefined) return request;
    throw new StateError(
      "INVALID_CONFIGURATION",
      `Column ${name} has the type ${JSON.stringify(type)}; ` +
        'use number, bigint, boolean, string or timestamp, with a "?" behind it to take nulls',
    );
  });
  if (requests.length === 0) throw new StateError("INVALID_CONFIGURATION", "parquetSource reads no column; name at least one in `columns`");
  return requests;
}

function copyRow(row: ParquetRow<ParquetColumns>): unknown {
  return { ...row };
}

import { StateError } from "../../errors/index.js";
import type { SourceReader } from "../../operators/source.js";
import type { Json, ReadableFile } from "../../storage/index.js";
import type { ColumnData, ColumnRequest, ParquetColumns, ParquetRow } from "./columns.js";
import type { DecoderThread } from "./decoder-thread.js";
import type { ParquetFileSummary } from "./messages.js";
import { positionToJson, type ParquetPosition } from "./position.js";
import { RowView } from "./row-view.js";

export interface ParquetReaderOptions {
  readonly path: string;
  readonly columns: readonly ColumnRequest[];
  readonly record: (row: ParquetRow<ParquetColumns>) => unknown;
  readonly batchSize: number;
  readonly limit: number;
  readonly file: ReadableFile;
  readonly decoder: DecoderThread;
  readonly summary: ParquetFileSummary;
  readonly start: ParquetPosition;
  readonly signal: AbortSignal;
}

interface RowGroupAhead {
  readonly rowGroup: number;
  readonly columns: Promise<readonly ColumnData[]>;
}

/** Makes batches of records from decoded row groups: the current one is shown, the next one is decoded meanwhile. */
export class ParquetReader implements SourceReader<unknown> {
  readonly totalRecords: number;
  readonly #options: ParquetReaderOptions;
  readonly #view: RowView<ParquetColumns>;
  readonly #batch: unknown[] = [];
  #rowGroup: number;
  #row: number;
  /** Rows of the file before the next one. */
  #rowsBefore: number;
  #shown: number | undefined;
  #ahead: RowGroupAhead | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ParquetReaderOptions) {
    const { rowGroups } = options.summary;
    this.#options = options;
    this.#view = new RowView(options.columns);
    this.totalRecords = Math.min(options.limit, sum(rowGroups));
    this.#rowGroup = options.start.rowGroup;
    this.#row = options.start.row;
    this.#rowsBefore = sum(rowGroups.slice(0, this.#rowGroup)) + this.#row;
    this.#skipFinishedGroups();
    this.#readAhead(this.#rowGroup);
  }

  nextBatch(): readonly unknown[] | undefined | Promise<readonly unknown[] | undefined> {
    if (this.#closing !== undefined) throw this.#closedError();
    this.#options.signal.throwIfAborted();
    if (this.#rowsBefore >= this.totalRecords) return undefined;
    return this.#shown === this.#rowGroup ? this.#nextRecords() : this.#load().then(() => this.#nextRecords());
  }

  position(): Json {
    return positionToJson({ rowGroup: this.#rowGroup, row: this.#row }, this.#options.summary);
  }

  close(): Promise<void> {
    this.#closing ??= this.#options.decoder.close(this.#closedError()).then(() => this.#options.file.close());
    return this.#closing;
  }

  #nextRecords(): readonly unknown[] {
    const { batchSize, record, summary } = this.#options;
    const rowsOfGroup = summary.rowGroups[this.#rowGroup] ?? 0;
    const count = Math.min(batchSize, rowsOfGroup - this.#row, this.totalRecords - this.#rowsBefore);
    const batch = this.#batch;
    const view = this.#view;
    const start = this.#row;
    batch.length = count;
    let index = 0;
    try {
      for (; index < count; index++) batch[index] = record(view.at(start + index));
    } catch (cause) {
      const row = this.#rowsBefore + index;
      throw new StateError("USER_FUNCTION", `\`record\` failed for row ${row} of ${this.#options.path}: ${String(cause)}`, {
        cause,
        details: { row },
      });
    }
    this.#row += count;
    this.#rowsBefore += count;
    this.#skipFinishedGroups();
    return batch;
  }

  /** Behind the last row of a group and before the first of the next is one place, written the second way; groups may be empty. */
  #skipFinishedGroups(): void {
    const { rowGroups } = this.#options.summary;
    while (this.#rowGroup < rowGroups.length && this.#row >= (rowGroups[this.#rowGroup] ?? 0)) {
      this.#rowGroup++;
      this.#row = 0;
    }
  }

  async #load(): Promise<void> {
    const ahead = this.#ahead;
    if (ahead?.rowGroup !== this.#rowGroup) throw new StateError("INTERNAL", `row group ${this.#rowGroup} was not asked for`);
    const columns = await unlessAborted(ahead.columns, this.#options.signal);
    this.#ahead = undefined;
    this.#view.show(columns);
    this.#shown = this.#rowGroup;
    this.#readAhead(this.#rowGroup + 1);
  }

  #readAhead(from: number): void {
    const { rowGroups } = this.#options.summary;
    let rowGroup = from;
    while (rowGroups[rowGroup] === 0) rowGroup++;
    if (rowGroup >= rowGroups.length || sum(rowGroups.slice(0, rowGroup)) >= this.totalRecords) return;
    const columns = this.#options.decoder.decode(rowGroup);
    // The failure belongs to the nextBatch() that needs this row group; until then it must not count as unhandled.
    columns.catch(() => {});
    this.#ahead = { rowGroup, columns };
  }

  #closedError(): StateError {
    return new StateError("DISPOSED", `the reader of ${this.#options.path} was closed`);
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

async function unlessAborted<V>(promise: Promise<V>, signal: AbortSignal): Promise<V> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

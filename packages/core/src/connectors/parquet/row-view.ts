import type { ColumnData, ColumnRequest, ParquetColumns, ParquetRow } from "./columns.js";

interface Cell {
  values: ArrayLike<unknown>;
  nulls: Uint8Array | undefined;
  dictionary: readonly string[];
}

interface Cursor {
  index: number;
}

/**
 * One object that shows any row of the current row group: a property per column reads straight from the column arrays, so
 * making a record costs nothing but the record.
 */
export class RowView<C extends ParquetColumns> {
  readonly #row: ParquetRow<C>;
  readonly #cursor: Cursor = { index: 0 };
  readonly #cells: readonly Cell[];

  constructor(columns: readonly ColumnRequest[]) {
    this.#cells = columns.map(() => ({ values: [], nulls: undefined, dictionary: [] }));
    const properties: PropertyDescriptorMap = {};
    for (const [position, column] of columns.entries()) {
      const cell = this.#cells[position];
      if (cell !== undefined) properties[column.name] = { enumerable: true, get: getter(column.kind, this.#cursor, cell) };
    }
    this.#row = Object.defineProperties({}, properties) as ParquetRow<C>;
  }

  /** Shows another row group; `columns` in the order of the requests. */
  show(columns: readonly ColumnData[]): void {
    for (const [position, column] of columns.entries()) {
      const cell = this.#cells[position];
      if (cell === undefined) continue;
      cell.values = column.values;
      cell.nulls = column.nulls;
      cell.dictionary = column.kind === "string" ? column.dictionary : [];
    }
  }

  /** The row at `index` of the row group; the same object every time. */
  at(index: number): ParquetRow<C> {
    this.#cursor.index = index;
    return this.#row;
  }
}

// A function of its own for each kind keeps its call sites monomorphic.
function getter(kind: ColumnRequest["kind"], cursor: Cursor, cell: Cell): () => unknown {
  if (kind === "string") {
    return () => (isNull(cell, cursor) ? null : cell.dictionary[(cell.values as Uint32Array)[cursor.index] as number]);
  }
  if (kind === "boolean") return () => (isNull(cell, cursor) ? null : (cell.values as Uint8Array)[cursor.index] === 1);
  if (kind === "bigint") return () => (isNull(cell, cursor) ? null : cell.values[cursor.index]);
  return () => (isNull(cell, cursor) ? null : (cell.values as Float64Array)[cursor.index]);
}

function isNull(cell: Cell, cursor: Cursor): boolean {
  return cell.nulls !== undefined && cell.nulls[cursor.index] === 1;
}

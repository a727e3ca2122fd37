import type { Row } from "../row.js";
import type { Measured } from "./results.js";

/** Names one figure. */
export interface FigureName {
  readonly question: string;
  readonly case: string;
  readonly system: string;
  readonly size: string;
}

/** Two figures that may be compared. */
export interface Pair {
  readonly row: Row;
  readonly other: Row;
}

/** All rows of all results; of those for the same figure the latest counts. */
export class Figures {
  /** The latest first. */
  readonly #results: readonly Measured[];

  constructor(results: readonly Measured[]) {
    this.#results = [...results].sort((left, right) => Date.parse(right.finishedAt) - Date.parse(left.finishedAt));
  }

  /** The row of a figure. */
  find(name: FigureName): Row | undefined {
    return this.#results.flatMap(({ rows }) => rows.find((row) => isOf(row, name)) ?? [])[0];
  }

  /**
   * Two figures side by side, the latest that were measured so. Those of one question and size must come from the same go, in which
   * systems alternated; others must at least be of one commit on one machine.
   */
  pair(name: FigureName, otherName: FigureName): Pair | undefined {
    const isOneGo = name.question === otherName.question && name.size === otherName.size;
    for (const { rows } of this.#results) {
      const row = rows.find((candidate) => isOf(candidate, name));
      if (row === undefined) continue;
      const others = isOneGo ? rows : this.#results.flatMap((measured) => measured.rows);
      const other = others.find((candidate) => isOf(candidate, otherName) && isSamePlace(candidate, row));
      if (other !== undefined) return { row, other };
    }
    return undefined;
  }

  /** One row for each figure: of the latest results first, in the order in which they were measured. */
  all(): Row[] {
    const found = new Map<string, Row>();
    for (const row of this.#results.flatMap(({ rows }) => rows)) {
      const key = [row.question, row.case, row.system, row.size].join("\0");
      if (!found.has(key)) found.set(key, row);
    }
    return [...found.values()];
  }

  /** Commits and machines that there are rows of, the latest first, each with only its rows. */
  places(): Figures[] {
    const rows = this.#results.flatMap((measured) => measured.rows);
    const first = rows.filter((row, index) => rows.findIndex((other) => isSamePlace(row, other)) === index);
    return first.map((place) => {
      const there = (all: readonly Row[]): Row[] => all.filter((row) => isSamePlace(row, place));
      return new Figures(this.#results.map((measured) => ({ ...measured, rows: there(measured.rows) })));
    });
  }
}

function isOf(row: Row, name: FigureName): boolean {
  return row.question === name.question && row.case === name.case && row.system === name.system && row.size === name.size;
}

function isSamePlace(left: Row, right: Row): boolean {
  return left.commit === right.commit && left.machine === right.machine;
}

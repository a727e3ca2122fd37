import { printable } from "./printable.js";

/** A column: its heading, and whether its cells end or start at the same place. */
export interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
}

/** Aligned lines with a heading, each indented by two spaces. Cells are made printable first, so that none can break its line. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows].map((row) => row.map((cell) => printable(cell)));
  const widths = columns.map((_, index) => Math.max(0, ...cells.map((row) => widthOf(row[index] ?? ""))));
  return cells.map((row) => {
    const padded = columns.map(({ align }, index) => {
      const cell = row[index] ?? "";
      const padding = " ".repeat((widths[index] ?? 0) - widthOf(cell));
      return align === "left" ? cell + padding : padding + cell;
    });
    return `  ${padded.join("  ")}`.trimEnd();
  });
}

/** A column that starts at the same place. */
export function left(heading: string): Column {
  return { heading, align: "left" };
}

/** A column that ends at the same place: numbers. */
export function right(heading: string): Column {
  return { heading, align: "right" };
}

function widthOf(text: string): number {
  return [...text].length;
}

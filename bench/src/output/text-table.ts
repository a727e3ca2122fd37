import Table from "cli-table3";
import type { Row } from "../row.js";
import { compare } from "./comparison.js";
import { formatValue } from "./format.js";

/** Rows as a table for the terminal: medians, with the range of the runs. */
export function textTable(rows: readonly Row[]): string {
  const { systems, cases, ratios } = compare(rows);
  const table = new Table({ head: ["case", "unit", ...systems], style: { head: [], border: [] }, colAligns: ["left", "left"] });
  for (const { name, unit, rows: own } of cases) table.push([name, unit, ...systems.map((system) => cell(own.get(system)))]);
  const lines = ratios.map(
    ({ system, peer, ratio, cases: count }) => `${system} over ${peer}: ${ratio.toFixed(2)}x (geometric mean of ${count} cases)`,
  );
  return [table.toString(), ...lines].join("\n");
}

function cell(row: Row | undefined): string {
  if (row === undefined) return "";
  const { min, max, runs } = row.spread;
  return runs === 1 ? formatValue(row.value) : `${formatValue(row.value)} (${formatValue(min)} - ${formatValue(max)})`;
}

import type { Row } from "../row.js";
import { barChart } from "./charts.js";
import { compare, type Comparison } from "./comparison.js";
import { formatValue } from "./format.js";
import { escapeText, figure, page } from "./page.js";

/** Rows of one question as a page by itself. */
export async function htmlPage(question: string, rows: readonly Row[]): Promise<string> {
  return page(`Tidemark benchmark: ${question}`, await comparisonSection(rows));
}

/** Rows of one question and size: what they come to, a chart for each unit, all figures, and what they were measured on. */
export async function comparisonSection(rows: readonly Row[]): Promise<string> {
  const comparison = compare(rows);
  const charts = await Promise.all(unitsOf(comparison).map((unit) => chartOf(comparison, unit)));
  return [
    ...comparison.ratios.map(ratioSentence),
    ...charts,
    `<div class="scroll">${table(comparison)}</div>`,
    "<p>Each figure is the median of its runs, below it the smallest and the largest run.</p>",
    `<dl>${facts(rows).map(([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`).join("\n")}</dl>`,
  ].join("\n");
}

/** A bar for each (case, system). */
async function chartOf({ cases }: Comparison, unit: string): Promise<string> {
  const values = cases
    .filter((entry) => entry.unit === unit)
    .flatMap(({ name, rows }) => [...rows.values()].map(({ system, value }) => ({ at: name, series: system, value })));
  return figure(await barChart(values, { title: unit, scale: "log" }), `All cases in ${unit}, on a logarithmic axis.`);
}

function ratioSentence({ system, peer, ratio, cases }: Comparison["ratios"][number]): string {
  const factor = `<strong>${ratio.toFixed(2)}x</strong>`;
  return `<p>${escapeText(system)} over ${escapeText(peer)}: ${factor}, the geometric mean of ${cases} cases.</p>`;
}

function unitsOf({ cases }: Comparison): string[] {
  return [...new Set(cases.map(({ unit }) => unit))];
}

function table({ systems, cases }: Comparison): string {
  const head = ["case", "unit", ...systems].map((text) => `<th>${escapeText(text)}</th>`).join("");
  const lines = cases.map(({ name, unit, rows }) => {
    const figures = systems.map((system) => {
      const row = rows.get(system);
      if (row === undefined) return "<td></td>";
      return `<td>${formatValue(row.value)}<br><small>${formatValue(row.spread.min)} - ${formatValue(row.spread.max)}</small></td>`;
    });
    return `<tr><td>${escapeText(name)}</td><td>${escapeText(unit)}</td>${figures.join("")}</tr>`;
  });
  return `<table><tr>${head}</tr>${lines.join("\n")}</table>`;
}

function facts(rows: readonly Row[]): [string, string][] {
  const params = Object.entries(rows[0]?.params ?? {}).map(([name, value]) => `${name} ${value}`);
  const every = (of: (row: Row) => string): string => [...new Set(rows.map(of))].join("; ");
  return [
    ["size", every(({ size }) => size)],
    ["runs", every(({ spread }) => String(spread.runs))],
    ["settings", params.join(", ")],
    ["builds", every(({ system, build }) => `${system}: ${build}`)],
    ["machine", every(({ machine }) => machine)],
    ["commit", every(({ commit }) => commit)],
  ];
}

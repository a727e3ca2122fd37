import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Row } from "../row.js";
import { compare, type Comparison } from "./comparison.js";
import { formatValue } from "./format.js";

const colors = ["#0b7285", "#b08968", "#5c940d", "#9c36b5", "#e8590c"];

/** Rows as one page without scripts, styles or images from anywhere else. */
export async function htmlPage(question: string, rows: readonly Row[]): Promise<string> {
  const comparison = compare(rows);
  const title = escapeText(`Tidemark benchmark: ${question}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2326; --quiet: #5c6b70; --line: #d5dcdf; }
@media (prefers-color-scheme: dark) { :root { --back: #14191b; --text: #e6ecee; --quiet: #9aa9ae; --line: #36424a; } }
body { background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; }
body { padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { text-align: right; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
small, dt { color: var(--quiet); }
svg { max-width: 100%; height: auto; }
svg text { fill: var(--text); }
svg .role-axis line, svg .role-axis path { stroke: var(--line); }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<h1>${title}</h1>
${comparison.ratios.map(ratioSentence).join("\n")}
${(await Promise.all(unitsOf(comparison).map((unit) => plot(comparison, unit)))).map((svg) => `<figure>${svg}</figure>`).join("\n")}
<div class="scroll">${table(comparison)}</div>
<p>Each figure is the median of its runs, below it the smallest and the largest run.</p>
<dl>${facts(rows).map(([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`).join("\n")}</dl>
</body>
</html>
`;
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
  const first = rows[0];
  if (first === undefined) return [];
  const builds = [...new Set(rows.map(({ system, build }) => `${system}: ${build}`))];
  const params = Object.entries(first.params).map(([name, value]) => `${name} ${value}`);
  return [
    ["size", first.size],
    ["runs", String(first.spread.runs)],
    ["settings", params.join(", ")],
    ["builds", builds.join("; ")],
    ["machine", first.machine],
    ["commit", first.commit],
  ];
}

/** A bar for each (case, system), on a logarithmic axis: cases differ by orders of magnitude. */
async function plot({ systems, cases }: Comparison, unit: string): Promise<string> {
  const values = cases
    .filter((entry) => entry.unit === unit)
    .flatMap(({ name, rows }) => [...rows.values()].map(({ system, value }) => ({ name, system, value })))
    .filter(({ value }) => value > 0);
  const floor = Math.min(...values.map(({ value }) => value)) / 2;
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width: 720,
    background: "transparent",
    config: { view: { stroke: null }, font: "system-ui, sans-serif" },
    data: { values },
    mark: { type: "bar" },
    encoding: {
      y: { field: "name", type: "nominal", title: null, sort: null },
      yOffset: { field: "system", type: "nominal", sort: [...systems] },
      x: { field: "value", type: "quantitative", title: unit, scale: { type: "log", domainMin: floor } },
      x2: { datum: floor },
      color: { field: "system", type: "nominal", title: null, scale: { domain: [...systems], range: colors.slice(0, systems.length) } },
    },
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return themed(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** Text and axis colours come from the page's style, so that one picture fits light and dark. */
function themed(svg: string): string {
  return svg.replaceAll(/ fill="#(?:000|111|333|666|888)"/gu, "").replaceAll(/ stroke="#(?:888|ddd)"/gu, ' stroke="var(--line)"');
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

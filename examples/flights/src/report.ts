import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { formatBytes, formatCount, formatDuration } from "./format.js";
import type { Report, RunDetails } from "./result.js";

/** Writes report.json and report.html into `directory`; each appears complete or not at all. */
export async function writeReport(directory: string, report: Report, details: RunDetails): Promise<void> {
  await mkdir(directory, { recursive: true });
  await replaceFile(join(directory, "report.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  await replaceFile(join(directory, "report.html"), await reportPage(report, details));
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

const newColor = "#0b7285";
const totalColor = "#b08968";

/** One page without scripts, styles or images from anywhere else. */
export async function reportPage(report: Report, details: RunDetails): Promise<string> {
  const verdict = report.match ? "yes" : "no";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark: ${formatCount(report.records)} flights, exactly once: ${verdict}</title>
<style>
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2326; --quiet: #5c6b70; --line: #d5dcdf; }
@media (prefers-color-scheme: dark) { :root { --back: #14191b; --text: #e6ecee; --quiet: #9aa9ae; --line: #36424a; } }
body { background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; }
body { padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { text-align: right; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0 2rem; }
figcaption { color: var(--quiet); }
svg { max-width: 100%; height: auto; }
svg text { fill: var(--text); }
svg .role-axis line, svg .role-axis path { stroke: var(--line); }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<h1>Exactly once: ${verdict}</h1>
<p>${formatCount(report.records)} flights on the ${escapeText(details.backend)} backend; the process was killed ${report.kills} times
and restored ${details.restores} times. ${comparisonSentence(report)}</p>
<h2>Checkpoints</h2>
<figure>${await checkpointPlot(report)}
<figcaption>Size of each checkpoint: all of its files, and those that it was the first to name.</figcaption></figure>
<div class="scroll">${checkpointTable(report)}</div>
<h2>Facts</h2>
${factTable(report, details)}
<h2>Most delayed routes</h2>
${routeTable(details)}
</body>
</html>
`;
}

function comparisonSentence(report: Report): string {
  const rows = `${formatCount(report.routeDays)} route-days and ${formatCount(report.duplicates)} dropped duplicates`;
  return report.match
    ? `All ${rows} equal those of a plain single pass over the file.`
    : `The ${rows} differ from those of a plain single pass.`;
}

async function checkpointPlot(report: Report): Promise<string> {
  const rows = report.checkpoints.flatMap(({ id, newBytes, totalBytes }) => [
    { checkpoint: id, files: "total", mebibytes: totalBytes / 1_048_576 },
    { checkpoint: id, files: "new", mebibytes: newBytes / 1_048_576 },
  ]);
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width: 720,
    height: 280,
    background: "transparent",
    config: { view: { stroke: null }, font: "system-ui, sans-serif" },
    data: { values: rows },
    mark: { type: "line", point: true, strokeWidth: 2 },
    encoding: {
      x: { field: "checkpoint", type: "quantitative", title: "checkpoint", axis: { tickMinStep: 1, grid: false }, scale: { zero: false } },
      y: { field: "mebibytes", type: "quantitative", title: "MiB" },
      color: { field: "files", type: "nominal", title: "files", scale: { domain: ["total", "new"], range: [totalColor, newColor] } },
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

function checkpointTable(report: Report): string {
  const rows = report.checkpoints.map(({ id, newBytes, totalBytes, durationMs }) => [
    String(id),
    formatBytes(newBytes),
    formatBytes(totalBytes),
    formatDuration(durationMs),
  ]);
  return htmlTable(["checkpoint", "new", "total", "took"], rows);
}

function factTable(report: Report, details: RunDetails): string {
  return htmlTable(
    ["", ""],
    [
      ["records", formatCount(report.records)],
      ["duplicates dropped", formatCount(report.duplicates)],
      ["route-days", formatCount(report.routeDays)],
      ["kills", String(report.kills)],
      ["restores", String(details.restores)],
      ["checkpoints given up", String(details.failedCheckpoints)],
      ["seed", String(report.seed)],
    ],
  );
}

function routeTable(details: RunDetails): string {
  const rows = details.mostDelayed.map(({ origin, destination, meanDelay, flights }) => [
    `${origin} - ${destination}`,
    `${meanDelay.toFixed(1)} min`,
    formatCount(flights),
  ]);
  return htmlTable(["route", "mean delay", "flights"], rows);
}

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join("")}</tr>`;
  const top = head.every((cell) => cell === "") ? "" : line(head, "th");
  return `<table>${top}${rows.map((row) => line(row, "td")).join("\n")}</table>`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

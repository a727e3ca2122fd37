import Table from "cli-table3";
import { formatBytes, formatCount, formatDuration } from "./format.js";
import type { Report, RunDetails } from "./result.js";

/** What the command prints at its end. */
export function summaryText(report: Report, details: RunDetails): string {
  const facts: [string, string][] = [
    ["records", formatCount(report.records)],
    ["duplicates dropped", formatCount(report.duplicates)],
    ["route-days", formatCount(report.routeDays)],
    ["backend", details.backend],
    ["kills", String(report.kills)],
    ["restores", String(details.restores)],
    ["seed", String(report.seed)],
    ["exactly once", report.match ? "yes" : "no"],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const parts = [
    checkpointTable(report),
    routeTable(details),
    facts.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}`).join("\n"),
  ];
  if (details.failedCheckpoints > 0) parts.push(`${details.failedCheckpoints} checkpoints were given up`);
  if (details.differences.length > 0) parts.push(["What differs from the plain single pass:", ...details.differences].join("\n"));
  return `${parts.join("\n\n")}\n`;
}

const style = { head: [], border: [] };
/** No rule between rows. */
const chars = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
const rightAligned = ["right", "right", "right", "right"] as const;

function checkpointTable(report: Report): string {
  const table = new Table({ head: ["checkpoint", "new", "total", "took"], colAligns: [...rightAligned], style, chars });
  for (const { id, newBytes, totalBytes, durationMs } of report.checkpoints) {
    table.push([id, formatBytes(newBytes), formatBytes(totalBytes), formatDuration(durationMs)]);
  }
  return table.toString();
}

function routeTable(details: RunDetails): string {
  const table = new Table({
    head: ["most delayed route", "mean delay", "flights"],
    colAligns: ["left", "right", "right"],
    style,
    chars,
  });
  for (const { origin, destination, meanDelay, flights } of details.mostDelayed) {
    table.push([`${origin} - ${destination}`, `${meanDelay.toFixed(1)} min`, formatCount(flights)]);
  }
  return table.toString();
}

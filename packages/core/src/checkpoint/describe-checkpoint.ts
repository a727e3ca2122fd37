import type { CheckpointReport } from "./checkpoint-events.js";

/** "Checkpoint 7 completed in 41 ms, 1.2 MiB new of 1.1 GiB". */
export function describeCompleted(report: CheckpointReport): string {
  const { id, durationMs, newBytes, totalBytes } = report;
  return `Checkpoint ${id} completed in ${Math.round(durationMs)} ms, ${formatBytes(newBytes)} new of ${formatBytes(totalBytes)}`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** "1.2 MiB": at most one digit behind the point. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit] ?? ""}`;
}

const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 1234567 -> "1,234,567". */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** 1536 -> "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? "B"}`;
}

/** 950 -> "950 ms", 2300 -> "2.3 s". */
export function formatDuration(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

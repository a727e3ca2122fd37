const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1258291 -> "1.2 MiB". */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  // 1023.96 would round to 1024.0 of a unit.
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** 1234567 -> "1,234,567". */
export function formatCount(count: number): string {
  return String(count).replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, ",");
}

/** Milliseconds since the epoch as "2026-11-21 13:44:01Z"; "-" for none, and for what is no date. */
export function formatTime(ms: number | undefined): string {
  return isoTime(ms)?.replace("T", " ").replace(/\.\d+Z$/, "Z") ?? "-";
}

/** ISO 8601 in UTC; undefined for none, and for what is no date: a manifest may hold any whole number. */
export function isoTime(ms: number | undefined): string | undefined {
  const date = new Date(ms ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** 1 -> "1 file", 2 -> "2 files". */
export function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}

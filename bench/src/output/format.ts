/** Four digits, with thousands separated: 1234.5 -> "1,235", 0.012345 -> "0.01235". */
export function formatValue(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

/** 950 -> "1 s", 130000 -> "2 min 10 s". */
export function formatDuration(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

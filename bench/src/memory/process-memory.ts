import { readFile } from "node:fs/promises";

/** Resident memory of this process in bytes, shared pages included. Throws where the system has no /proc. */
export async function residentBytes(): Promise<number> {
  return fieldBytes(await readFile("/proc/self/status", "utf8"), "VmRSS");
}

/** A field of /proc/self/status or /proc/self/smaps_rollup. Throws when it is missing. */
export function fieldBytes(text: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "mu").exec(text);
  if (match === null) throw new Error(`there is no ${field} in what the system says about this process`);
  return Number(match[1]) * 1024;
}

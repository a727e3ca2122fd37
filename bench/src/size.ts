/** What a question's size counts. */
export type SizeKind = "keys" | "bytes";

const byteUnits: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const countUnits: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6 };

/** "1GiB" or "500k" as a number. Throws RangeError that says what is allowed. */
export function parseSize(text: string, kind: SizeKind): number {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/u.exec(text);
  const unit = (kind === "bytes" ? byteUnits : countUnits)[match?.[2] ?? "-"];
  const size = Number(match?.[1]) * (unit ?? Number.NaN);
  if (Number.isSafeInteger(size) && size > 0) return size;
  const example = kind === "bytes" ? "bytes with a unit, such as 64MiB or 1GiB" : "a count of keys, such as 500000, 500k or 10M";
  throw new RangeError(`--size ${text} is not ${example}`);
}

/** The way a size is written in rows: "1GiB", "500000 keys". */
export function formatSize(size: number, kind: SizeKind): string {
  if (kind === "keys") return `${size} keys`;
  const [unit, bytes] = Object.entries(byteUnits).findLast(([, bytes]) => size % bytes === 0) ?? ["B", 1];
  return `${size / bytes}${unit}`;
}

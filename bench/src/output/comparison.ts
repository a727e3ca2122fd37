import type { Row } from "../row.js";
import { geometricMean } from "../statistics.js";

/** Rows of one question as a table: a line for each case, a column for each system. */
export interface Comparison {
  readonly systems: readonly string[];
  readonly cases: readonly ComparedCase[];
  /** For each of our systems and each peer with cases in common: how many times ours is better, over all of those. */
  readonly ratios: readonly { readonly system: string; readonly peer: string; readonly ratio: number; readonly cases: number }[];
}

export interface ComparedCase {
  readonly name: string;
  readonly unit: string;
  readonly rows: ReadonlyMap<string, Row>;
}

/** Which of our systems is put beside which peer. */
const counterparts: readonly (readonly [string, string])[] = [
  ["memory", "flink-hashmap"],
  ["fs", "flink-hashmap"],
  ["rocksdb", "flink-rocksdb"],
];

/** The systems that one of ours is put beside, its counterpart first. None for a system that is not ours. */
export function peersOf(system: string, among: readonly string[]): string[] {
  const all = counterparts.filter(([ours]) => ours === system).map(([, peer]) => peer);
  if (all.length === 0) return [];
  const others = among.filter((name) => name.startsWith("npm:") || (system === "rocksdb" && ["flink-changelog", "cp"].includes(name)));
  return [...all, ...others].filter((peer) => among.includes(peer));
}

/** Puts rows side by side. */
export function compare(rows: readonly Row[]): Comparison {
  const systems = [...new Set(rows.map(({ system }) => system))];
  const names = [...new Set(rows.map((row) => row.case))];
  const cases = names.map((name): ComparedCase => {
    const own = rows.filter((row) => row.case === name);
    return { name, unit: own[0]?.unit ?? "", rows: new Map(own.map((row) => [row.system, row])) };
  });
  const ratios = counterparts.flatMap(([system, peer]) => {
    // The standard variants only: the others repeat the same operation under other conditions.
    const values = cases.filter(({ name }) => !name.includes("-")).flatMap((entry) => ratioOf(entry, system, peer) ?? []);
    return values.length === 0 ? [] : [{ system, peer, ratio: geometricMean(values), cases: values.length }];
  });
  return { systems, cases, ratios };
}

/** How many times better `system` is than `peer`: more of a rate, less of a time. Undefined when one of them has no figure. */
export function ratioOf(entry: ComparedCase, system: string, peer: string): number | undefined {
  const ours = entry.rows.get(system)?.value;
  const theirs = entry.rows.get(peer)?.value;
  if (ours === undefined || theirs === undefined || ours <= 0 || theirs <= 0) return undefined;
  return isRate(entry.unit) ? ours / theirs : theirs / ours;
}

/** Whether more is better. */
export function isRate(unit: string): boolean {
  return unit.includes("/");
}

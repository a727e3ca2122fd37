import { open } from "node:fs/promises";
import type { Reference } from "./reference.js";

export interface Comparison {
  readonly match: boolean;
  /** Lines of the job's result. */
  readonly routeDays: number;
  /** Route-days that the job's result lacks. */
  readonly missing: number;
  /** Lines for a route-day that had no flight, that was there before, or that are no route-day at all. */
  readonly unexpected: number;
  /** Lines with other figures than the reference's. */
  readonly different: number;
  /** The first few differences, each a line of text. */
  readonly examples: readonly string[];
  readonly mostDelayed: readonly DelayedRoute[];
}

export interface DelayedRoute {
  readonly origin: string;
  readonly destination: string;
  readonly flights: number;
  /** Minutes. */
  readonly meanDelay: number;
}

const exampleLimit = 5;

/** Reads the job's result line by line, in whatever order it has, and compares each with the reference. */
export async function compareWithReference(resultPath: string, reference: Reference): Promise<Comparison> {
  const seen = new Uint8Array(reference.routeDays);
  const counts = { routeDays: 0, found: 0, unexpected: 0, different: 0 };
  const examples: string[] = [];
  const delays = new RouteDelays();
  const note = (text: string): void => {
    if (examples.length < exampleLimit) examples.push(text);
  };
  const file = await open(resultPath);
  for await (const line of file.readLines()) {
    counts.routeDays++;
    const row = parseRow(line);
    const expected = row === undefined ? undefined : reference.find(row.origin, row.destination, row.day);
    if (row === undefined || expected === undefined || seen[expected.index] === 1) {
      counts.unexpected++;
      note(`unexpected: ${line.slice(0, 200)}`);
      continue;
    }
    seen[expected.index] = 1;
    counts.found++;
    if (line !== expected.line) {
      counts.different++;
      note(`different: ${line.slice(0, 200)} instead of ${expected.line}`);
    }
    delays.add(row);
  }
  const missing = reference.routeDays - counts.found;
  if (missing > 0) noteMissing(reference, seen, note);
  const { routeDays, unexpected, different } = counts;
  const match = missing === 0 && unexpected === 0 && different === 0;
  return { match, routeDays, missing, unexpected, different, examples, mostDelayed: delays.top(10) };
}

function noteMissing(reference: Reference, seen: Uint8Array, note: (text: string) => void): void {
  let index = 0;
  let noted = 0;
  for (const line of reference.lines()) {
    if (seen[index++] !== 1 && noted++ < exampleLimit) note(`missing: ${line}`);
    if (noted >= exampleLimit) return;
  }
}

interface ResultRow {
  readonly origin: string;
  readonly destination: string;
  readonly day: string;
  readonly flights: number;
  readonly delaySum: number;
}

function parseRow(line: string): ResultRow | undefined {
  try {
    const row = JSON.parse(line) as Partial<ResultRow> | null;
    const isRow = typeof row?.origin === "string" && typeof row.destination === "string" && typeof row.day === "string";
    return isRow ? (row as ResultRow) : undefined;
  } catch {
    return undefined;
  }
}

/** Sums delays by route, over all days. */
class RouteDelays {
  readonly #routes = new Map<string, { readonly origin: string; readonly destination: string; flights: number; delaySum: number }>();

  add(row: ResultRow): void {
    const key = `${row.origin} ${row.destination}`;
    let route = this.#routes.get(key);
    if (route === undefined) this.#routes.set(key, (route = { origin: row.origin, destination: row.destination, flights: 0, delaySum: 0 }));
    route.flights += row.flights;
    route.delaySum += row.delaySum;
  }

  /** Routes with at least half as many flights as the average one, so that a single late flight does not win. */
  top(limit: number): DelayedRoute[] {
    const routes = [...this.#routes.values()];
    const average = routes.reduce((sum, route) => sum + route.flights, 0) / Math.max(1, routes.length);
    return routes
      .filter((route) => route.flights >= average / 2)
      .map(({ origin, destination, flights, delaySum }) => ({ origin, destination, flights, meanDelay: delaySum / flights }))
      .toSorted((a, b) => b.meanDelay - a.meanDelay)
      .slice(0, limit);
  }
}

/**
 * The same question answered the plain way, to check the job against: one pass over the file in one process, with Maps and Sets.
 * It shares no code with the job, its source or its sink: own reading, own arithmetic, own formatting.
 */
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from "hyparquet";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { compressors } from "hyparquet-compressors";

export interface ReferenceOptions {
  readonly input: string;
  /** Only the first records. */
  readonly records?: number;
  readonly onProgress?: (records: number, total: number) => void;
}

export interface Reference {
  readonly records: number;
  readonly duplicates: number;
  readonly routeDays: number;
  /** The number and the line of a route-day, or undefined where no flight was. */
  find(origin: string, destination: string, day: string): { readonly index: number; readonly line: string } | undefined;
  /** The lines of all route-days, in the order of their numbers. */
  lines(): Iterable<string>;
}

interface Statistics {
  readonly route: Route;
  readonly day: string;
  readonly index: number;
  flights: number;
  delaySum: number;
  readonly below: number[];
}

interface Route {
  readonly origin: string;
  readonly destination: string;
  /** Distance -> (date and delay) of the flights seen. */
  readonly seen: Map<number, Set<number | string>>;
  readonly days: Map<string, Statistics>;
}

/** Upper ends of the histogram's bars, in minutes, exclusive. */
const bars = [-15, 0, 15, 30, 60, 120, 240, Number.POSITIVE_INFINITY];

export async function computeReference(options: ReferenceOptions): Promise<Reference> {
  const file = await asyncBufferFromFile(options.input);
  const metadata = await parquetMetadataAsync(file);
  const total = Math.min(options.records ?? Number.POSITIVE_INFINITY, Number(metadata.num_rows));
  const pass = new Pass();
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = Math.min(total, start + Number(group.num_rows));
    if (end <= start) break;
    const columns = await readColumns(file, metadata, start, end);
    for (let row = 0; row < end - start; row++) pass.add(flightAt(columns, row));
    start = end;
    options.onProgress?.(start, total);
  }
  return pass.result(start);
}

type Columns = Record<string, unknown[]>;

interface Row {
  readonly date: number;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

function flightAt(columns: Columns, row: number): Row {
  const date = columns["date"]?.[row];
  const origin = columns["origin"]?.[row];
  const destination = columns["destination"]?.[row];
  if (!(date instanceof Date) || typeof origin !== "string" || typeof destination !== "string") {
    throw new TypeError(`row ${row} has no date, origin or destination`);
  }
  return {
    date: date.getTime(),
    delay: Number(columns["delay"]?.[row]),
    distance: Number(columns["distance"]?.[row]),
    origin,
    destination,
  };
}

async function readColumns(file: AsyncBuffer, metadata: FileMetaData, rowStart: number, rowEnd: number): Promise<Columns> {
  const columns: Columns = {};
  await parquetRead({
    file,
    metadata,
    compressors,
    rowStart,
    rowEnd,
    columns: ["date", "delay", "distance", "origin", "destination"],
    onChunk: (chunk) => {
      const column = (columns[chunk.columnName] ??= []);
      for (let index = 0; index < chunk.columnData.length; index++) column[chunk.rowStart - rowStart + index] = chunk.columnData[index];
    },
  });
  return columns;
}

class Pass {
  readonly #routes = new Map<string, Map<string, Route>>();
  readonly #all: Statistics[] = [];
  #duplicates = 0;

  add({ date, delay, distance, origin, destination }: Row): void {
    const route = this.#route(origin, destination);
    let seen = route.seen.get(distance);
    if (seen === undefined) route.seen.set(distance, (seen = new Set()));
    const before = seen.size;
    seen.add(packed(date, delay));
    if (seen.size === before) {
      this.#duplicates++;
      return;
    }
    const statistics = this.#statistics(route, date);
    statistics.flights += 1;
    statistics.delaySum += delay;
    const bar = bars.findIndex((end) => delay < end);
    statistics.below[bar] = (statistics.below[bar] ?? 0) + 1;
  }

  result(records: number): Reference {
    const all = this.#all;
    const routes = this.#routes;
    return {
      records,
      duplicates: this.#duplicates,
      routeDays: all.length,
      find(origin, destination, day) {
        const found = routes.get(origin)?.get(destination)?.days.get(day);
        return found === undefined ? undefined : { index: found.index, line: lineOf(found) };
      },
      *lines() {
        for (const statistics of all) yield lineOf(statistics);
      },
    };
  }

  #route(origin: string, destination: string): Route {
    let fromOrigin = this.#routes.get(origin);
    if (fromOrigin === undefined) this.#routes.set(origin, (fromOrigin = new Map()));
    let route = fromOrigin.get(destination);
    if (route === undefined) fromOrigin.set(destination, (route = { origin, destination, seen: new Map(), days: new Map() }));
    return route;
  }

  #statistics(route: Route, date: number): Statistics {
    const day = dayText(date);
    let statistics = route.days.get(day);
    if (statistics === undefined) {
      statistics = { route, day, index: this.#all.length, flights: 0, delaySum: 0, below: bars.map(() => 0) };
      route.days.set(day, statistics);
      this.#all.push(statistics);
    }
    return statistics;
  }
}

/** A date below 2^40 and a delay of 12 bits fit exactly into one number, which a Set keeps in far less memory than text. */
function packed(date: number, delay: number): number | string {
  const fits = date >= 0 && date < 2 ** 40 && Number.isInteger(delay) && delay >= -2048 && delay < 2048;
  return fits ? date * 4096 + delay + 2048 : `${date} ${delay}`;
}

const dayTexts = new Map<number, string>();

function dayText(date: number): string {
  const day = Math.floor(date / 86_400_000);
  let text = dayTexts.get(day);
  if (text === undefined) dayTexts.set(day, (text = new Date(date).toISOString().substring(0, 10)));
  return text;
}

function lineOf({ route, day, flights, delaySum, below }: Statistics): string {
  const { origin, destination } = route;
  return JSON.stringify({ origin, destination, day, flights, delaySum, meanDelay: delaySum / flights, histogram: below });
}

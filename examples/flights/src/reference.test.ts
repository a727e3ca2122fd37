import { describe, expect, test } from "vitest";
import { flightsPath, type Flight } from "./flight.js";
import { flightSource } from "./flight-source.js";
import { computeReference } from "./reference.js";
import { dayOf, delayBucket, delayBucketCount, formatRouteDay, type RouteDay } from "./route-day.js";
import { NodeFileSystem } from "@tidemark/core/storage";

async function readFlights(limit: number): Promise<Flight[]> {
  const context = { subtask: 0, parallelism: 1, fileSystem: new NodeFileSystem(), signal: new AbortController().signal };
  const reader = await flightSource(flightsPath(), limit).open(context, undefined);
  const flights: Flight[] = [];
  for (let batch = await reader.nextBatch(); batch !== undefined; batch = await reader.nextBatch()) flights.push(...batch);
  await reader.close();
  return flights;
}

/** The question answered a third time, as slowly and plainly as possible. */
function slowly(flights: readonly Flight[]): { lines: string[]; duplicates: number } {
  const distinct = new Map(flights.map((flight) => [JSON.stringify(flight), flight]));
  const rows = new Map<string, RouteDay>();
  for (const { date, delay, origin, destination } of distinct.values()) {
    const key = `${origin} ${destination} ${dayOf(date)}`;
    const before = rows.get(key);
    const histogram = before === undefined ? Array.from({ length: delayBucketCount }, () => 0) : [...before.histogram];
    histogram[delayBucket(delay)] = (histogram[delayBucket(delay)] ?? 0) + 1;
    const count = (before?.count ?? 0) + 1;
    rows.set(key, { origin, destination, day: dayOf(date), count, delaySum: (before?.delaySum ?? 0) + delay, histogram });
  }
  return { lines: [...rows.values()].map(formatRouteDay), duplicates: flights.length - distinct.size };
}

describe("the plain single pass", () => {
  test.each([1, 1_000, 40_000])("over the first %i flights gives the lines that the job's own format gives", async (records) => {
    const flights = await readFlights(records);
    expect(flights).toHaveLength(records);
    const expected = slowly(flights);
    const reference = await computeReference({ input: flightsPath(), records });
    expect(reference.records).toBe(records);
    expect(reference.duplicates).toBe(expected.duplicates);
    expect([...reference.lines()].toSorted()).toEqual(expected.lines.toSorted());
    expect(reference.routeDays).toBe(expected.lines.length);
  });

  test("finds a route-day by its names", async () => {
    const reference = await computeReference({ input: flightsPath(), records: 500 });
    const line = [...reference.lines()][7] ?? "";
    const { origin, destination, day } = JSON.parse(line) as { origin: string; destination: string; day: string };
    expect(reference.find(origin, destination, day)).toEqual({ index: 7, line });
    expect(reference.find(origin, destination, "1999-01-01")).toBeUndefined();
    expect(reference.find("nowhere", destination, day)).toBeUndefined();
  });

  test("goes on over a border of row groups, and says how far it is", async () => {
    const progress: [number, number][] = [];
    const reference = await computeReference({
      input: flightsPath(),
      records: 280_000,
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(reference.records).toBe(280_000);
    expect(progress).toEqual([
      [272_727, 280_000],
      [280_000, 280_000],
    ]);
  });
});

describe("route-days", () => {
  test.each([
    [-1_200, 0],
    [-16, 0],
    [-15, 1],
    [-1, 1],
    [0, 2],
    [14, 2],
    [15, 3],
    [30, 4],
    [60, 5],
    [120, 6],
    [239, 6],
    [240, 7],
    [2_000, 7],
  ])("a delay of %i minutes is in bucket %i", (delay, bucket) => {
    expect(delayBucket(delay)).toBe(bucket);
  });

  test("days are those of UTC, also before 1970", () => {
    expect(dayOf(Date.UTC(2001, 0, 1, 23, 59, 59, 999))).toBe(dayOf(Date.UTC(2001, 0, 1)));
    expect(dayOf(-1)).toBe(-1);
  });

  test("the line is JSON with a mean of full precision", () => {
    const line = formatRouteDay({ origin: 'A"B', destination: "CDE", day: 11_323, count: 3, delaySum: 10, histogram: [0, 3] });
    expect(JSON.parse(line)).toEqual({
      origin: 'A"B',
      destination: "CDE",
      day: "2001-01-01",
      flights: 3,
      delaySum: 10,
      meanDelay: 10 / 3,
      histogram: [0, 3],
    });
  });
});

/** What is known about the flights of one route on one day, duplicates left out. */
export interface RouteDay {
  readonly origin: string;
  readonly destination: string;
  /** Days since 1970-01-01, UTC. */
  readonly day: number;
  readonly count: number;
  /** Minutes; with `count` the mean, without rounding on the way. */
  readonly delaySum: number;
  /** Flights in each bucket of `delayBuckets`. */
  readonly histogram: readonly number[];
}

/** Where each bucket of the delay histogram starts, in minutes; the first also holds everything below it, the last everything above. */
export const delayBuckets = [-15, 0, 15, 30, 60, 120, 240] as const;

/** The bucket of a delay: 0 for less than the first start, then one more for each start reached. */
export function delayBucket(delay: number): number {
  let bucket = 0;
  for (const start of delayBuckets) if (delay >= start) bucket++;
  return bucket;
}

/** Number of buckets: one below the first start, one above each. */
export const delayBucketCount = delayBuckets.length + 1;

const dayMs = 86_400_000;

/** The day of a time, as days since 1970-01-01, UTC. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

/** One line of the result: JSON with its fields always in this order, so that equal results are equal text. */
export function formatRouteDay(row: RouteDay): string {
  const date = new Date(row.day * dayMs).toISOString().slice(0, 10);
  const mean = row.delaySum / row.count;
  return (
    `{"origin":${JSON.stringify(row.origin)},"destination":${JSON.stringify(row.destination)},"day":"${date}",` +
    `"flights":${row.count},"delaySum":${row.delaySum},"meanDelay":${mean},"histogram":[${row.histogram.join(",")}]}`
  );
}

/** The last millisecond of a day. */
export function dayEndMs(day: number): number {
  return (day + 1) * dayMs - 1;
}

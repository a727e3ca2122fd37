import type { Source } from "@tidemark/core";
import { parquetSource } from "@tidemark/core/connectors";
import type { Flight } from "./flight.js";

/** Flights of a Parquet file, in its order; `limit` takes only the first ones. */
export function flightSource(path: string, limit?: number): Source<Flight> {
  return parquetSource({
    path,
    columns: { date: "timestamp", delay: "number", distance: "number", origin: "string", destination: "string" },
    record: (row): Flight => ({
      date: row.date,
      delay: row.delay,
      distance: row.distance,
      origin: row.origin,
      destination: row.destination,
    }),
    ...(limit === undefined ? {} : { limit }),
  });
}

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import {
  array,
  int32,
  int64,
  job,
  type Job,
  type JobExecution,
  type KeySerializer,
  mapState,
  type ProcessContext,
  type ProcessFunction,
  type StateBackend,
  string,
  struct,
  tuple,
  boolean,
} from "@tidemark/core";
import { fileSink } from "@tidemark/core/connectors";
import { memoryBackend } from "@tidemark/state-memory";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { CheckpointPace } from "./checkpoint-pace.js";
import { flightSource } from "./flight-source.js";
import type { Flight } from "./flight.js";
import type { FlightsJobOptions, JobMessage } from "./job-contract.js";
import { dayEndMs, dayOf, delayBucket, delayBucketCount, formatRouteDay, type RouteDay } from "./route-day.js";

type Route = readonly [origin: string, destination: string];
const route: KeySerializer<Route> = tuple(string(), string());

/** Flights seen on a route: all of their fields but the route's own. */
const seenFlights = mapState("seen", tuple(int64(), int32(), int32()), boolean());
/** Days of a route that are not over yet. */
const openDays = mapState("open-days", int32(), struct({ count: int32(), delaySum: int64(), histogram: array(int32()) }));

/** Drops flights that equal an earlier one in every field and sums the others up by route and day. */
function routeDays(context: ProcessContext<Route>): ProcessFunction<Flight, RouteDay> {
  const seen = context.getState(seenFlights);
  const days = context.getState(openDays);
  return {
    processElement(flight) {
      const identity: [number, number, number] = [flight.date, flight.delay, flight.distance];
      if (seen.contains(identity)) return;
      seen.put(identity, true);
      const day = dayOf(flight.date);
      const before = days.get(day);
      if (before === undefined) context.timers.registerEventTime(dayEndMs(day));
      const histogram = before === undefined ? new Array<number>(delayBucketCount).fill(0) : [...before.histogram];
      const bucket = delayBucket(flight.delay);
      histogram[bucket] = (histogram[bucket] ?? 0) + 1;
      days.put(day, { count: (before?.count ?? 0) + 1, delaySum: (before?.delaySum ?? 0) + flight.delay, histogram });
    },
    onTimer(timer, collect) {
      const day = dayOf(timer.timeMs);
      const sums = days.get(day);
      if (sums === undefined) return;
      const [origin, destination] = context.key;
      collect({ origin, destination, day, ...sums });
      days.remove(day);
    },
  };
}

function flightsJob(options: FlightsJobOptions, pace: CheckpointPace, report: (message: JobMessage) => void): Job {
  return job(
    "flights",
    (env) => {
      env
        .source("flights", pace.hold(flightSource(options.input, options.records)))
        .withTimestamps((flight) => flight.date)
        .keyBy((flight): Route => [flight.origin, flight.destination], route)
        .process("route-days", routeDays)
        .sink("rows", fileSink({ path: options.output, format: formatRouteDay }));
    },
    {
      backend: backendOf(options),
      checkpoint: { directory: options.checkpointDirectory, interval: "10s" },
      listeners: [
        {
          checkpointCompleted: ({ id, newBytes, totalBytes, durationMs }) =>
            report({ type: "checkpoint", id, newBytes, totalBytes, durationMs }),
          checkpointFailed: ({ id, durationMs, error }) =>
            report({ type: "checkpoint", id, newBytes: 0, totalBytes: 0, durationMs, failed: error.message }),
        },
      ],
      logger: quietLogger,
    },
  );
}

function backendOf(options: FlightsJobOptions): StateBackend {
  return options.backend === "memory" ? memoryBackend() : rocksdbBackend({ directory: options.workingDirectory });
}

/** The parent process shows checkpoints and failures in its own way. */
const quietLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };

const reportMs = 200;

/** Runs the job as job-contract.ts says. */
export async function runFlightsJob(options: FlightsJobOptions, report: (message: JobMessage) => void, signal: AbortSignal): Promise<void> {
  const pace = new CheckpointPace();
  const execution = flightsJob(options, pace, report).start({ signal });
  const endPace = pace.start(execution);
  const restored = restoredOnce(execution, report);
  const timer = setInterval(() => reportProgress(execution, restored, report), reportMs);
  try {
    const { status, records } = await execution.finished;
    restored();
    if (status === "finished") report({ type: "done", records, duplicates: records - (await countFlights(options.output)) });
  } finally {
    clearInterval(timer);
    endPace();
  }
}

function reportProgress(execution: JobExecution, restored: () => void, report: (message: JobMessage) => void): void {
  restored();
  const { records, totalRecords, stateSizeBytes } = execution.metrics();
  if (totalRecords !== undefined) report({ type: "progress", records, total: totalRecords, stateBytes: stateSizeBytes });
}

/** Reports the checkpoint that the job was restored from, once it is known. */
function restoredOnce(execution: JobExecution, report: (message: JobMessage) => void): () => void {
  let isReported = false;
  return () => {
    const { restoredFrom } = execution.metrics();
    if (restoredFrom === undefined || isReported) return;
    isReported = true;
    report({ type: "restored", checkpoint: restoredFrom });
  };
}

/** Flights that are in some row of the result. */
async function countFlights(path: string): Promise<number> {
  let flights = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) flights += (JSON.parse(line) as { flights: number }).flights;
  return flights;
}

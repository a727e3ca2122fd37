import { join } from "node:path";
import { type CheckpointReport, int32, int64, job, type JobExecution, listState, valueState } from "@tidemark/core";
import { fileSink } from "@tidemark/core/connectors";
import type { FileSystem } from "@tidemark/core/storage";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { ManualSource } from "../engine/manual-source.js";

export const countingJob = "counting";
const keys = 70;
const recordsPerCheckpoint = 100;
const checkpointsPerLife = [4, 3] as const;
export const recordCount = 800;

export interface JobPlace {
  readonly directory: string;
  readonly fileSystem: FileSystem;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Where the job writes its rows. */
export function rowsPath(directory: string): string {
  return join(directory, "rows.txt");
}

/** The rows that all records give. */
export function expectedRows(): string[] {
  return Array.from({ length: recordCount }, (_, number) => `${number % keys}: ${Math.floor(number / keys) + 1}`);
}

/** Two lives with checkpoints, new bases and deletions, each stopped, and one that runs to the end and publishes. */
export async function jobLives(place: JobPlace, announced: (report: CheckpointReport) => void): Promise<void> {
  let released = 0;
  for (const checkpoints of checkpointsPerLife) {
    const source = new ManualSource();
    const running = start(place, source, announced);
    source.release(released);
    for (let count = 0; count < checkpoints; count += 1) {
      source.release(recordsPerCheckpoint);
      released += recordsPerCheckpoint;
      await processed(running, released);
      await running.triggerCheckpoint();
    }
    await running.stop();
  }
  await jobToEnd(place, announced);
}

/** A life that takes one checkpoint on the way and ends with its input. */
export async function jobToEnd(place: JobPlace, announced: (report: CheckpointReport) => void): Promise<void> {
  const source = new ManualSource();
  const running = start(place, source, announced);
  source.release(recordCount / 2);
  await running.triggerCheckpoint();
  source.release(recordCount / 2);
  source.end();
  await running.finished;
}

function start({ directory, fileSystem }: JobPlace, source: ManualSource, announced: (report: CheckpointReport) => void): JobExecution {
  return job(
    countingJob,
    (env) => {
      env
        .source("numbers", source.source())
        .keyBy((number) => number % keys, int32())
        .process<string>("count", (context) => {
          const count = context.getState(valueState("count", int64()));
          const seen = context.getState(listState("seen", int64()));
          return {
            processElement(number, collect) {
              const next = (count.value() ?? 0) + 1;
              count.update(next);
              seen.add(number);
              if (seen.get().length !== next) throw new Error(`${seen.get().length} elements after ${next} records`);
              collect(`${context.key}: ${next}`);
            },
          };
        })
        .sink("out", fileSink({ path: rowsPath(directory), format: (row: string) => row }));
    },
    {
      backend: rocksdbBackend({ directory: join(directory, "state"), memoryBudgetBytes: 4 * 1024 * 1024, deltaRatio: 0.5, deltasMax: 2 }),
      checkpoint: { directory: join(directory, "checkpoints"), interval: "1h", retain: 2 },
      listeners: [{ checkpointCompleted: announced }],
      logger: silent,
      fileSystem,
    },
  ).start();
}

async function processed(running: JobExecution, records: number): Promise<void> {
  let failure: unknown;
  running.finished.catch((error: unknown) => (failure = error));
  while (running.metrics().records < records) {
    if (failure !== undefined) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

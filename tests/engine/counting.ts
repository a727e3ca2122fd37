import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  int32,
  int64,
  isStateError,
  job,
  type Job,
  type JobExecution,
  type JobOptions,
  type RestoreOptions,
  type Sink,
  type StateError,
  type StateBackend,
  valueState,
} from "@tidemark/core";
import { collectSink } from "@tidemark/core/connectors";
import { type CheckpointManifest, NodeFileSystem, surveyJob } from "@tidemark/core/storage";
import { ManualSource } from "./manual-source.js";
import { scratchDirectory, silentLogger } from "./scratch.js";

/** A job that counts numbers by their last digit, in one directory; each life has a source of its own. */
export class Counting {
  readonly directory: string;
  readonly output: string[] = [];
  readonly #fileSystem = new NodeFileSystem();
  source = new ManualSource();
  name = "counting";
  sink: Sink<string>;

  constructor(directory: string) {
    this.directory = directory;
    this.sink = collectSink(this.output);
  }

  static async create(): Promise<Counting> {
    return new Counting(await scratchDirectory());
  }

  get folder(): string {
    return join(this.directory, "checkpoints", this.name);
  }

  job(backend: StateBackend, extra: Partial<JobOptions> = {}): Job {
    this.source = new ManualSource();
    return job(
      this.name,
      (env) => {
        env
          .source("numbers", this.source.source())
          .keyBy((number) => number % 10, int32())
          .process<string>("count", (context) => {
            const count = context.getState(valueState("count", int64()));
            return {
              processElement(_, collect) {
                const next = (count.value() ?? 0) + 1;
                count.update(next);
                collect(`${context.key}: ${next}`);
              },
            };
          })
          .sink("out", this.sink);
      },
      {
        backend,
        checkpoint: { directory: join(this.directory, "checkpoints"), interval: "1h", retain: 4 },
        logger: silentLogger,
        ...extra,
      },
    );
  }

  /** Runs one life with a checkpoint after each `step` numbers, and returns their ids. The life ends without a last one. */
  async checkpoints(backend: StateBackend, count: number): Promise<number[]> {
    const running = this.job(backend).start();
    const ids: number[] = [];
    for (let step = 1; step <= count; step += 1) {
      this.source.release(10);
      await until(running, () => running.metrics().records >= step * 10);
      ids.push((await running.triggerCheckpoint()).id);
    }
    await running.stop();
    // The one that stop() took goes, so that tests count from what they took themselves.
    ids.push((await running.finished).lastCheckpoint?.id as number);
    return ids;
  }

  async run(backend: StateBackend, restore: RestoreOptions, extra: Partial<JobOptions> = {}): ReturnType<Job["run"]> {
    const running = this.job(backend, extra).start({ restore });
    this.source.release(100);
    this.source.end();
    return await running.finished;
  }

  /** Names of the shared files of a checkpoint. */
  async filesOf(id: number): Promise<string[]> {
    return (await this.manifestOf(id)).files.map(({ name }) => name);
  }

  async manifestOf(id: number): Promise<CheckpointManifest> {
    const place = { directory: join(this.directory, "checkpoints"), job: this.name, fileSystem: this.#fileSystem };
    const { checkpoints } = await surveyJob(place);
    const manifest = checkpoints.find((each) => each.id === id)?.manifest;
    if (manifest === undefined) throw new Error(`checkpoint ${id} has no manifest`);
    return manifest;
  }

  /** Changes one bit of a shared file. */
  async flip(name: string): Promise<void> {
    const path = join(this.folder, "shared", name);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await rm(path);
    await writeFile(path, bytes);
  }
}

export async function until(running: JobExecution, condition: () => boolean): Promise<void> {
  let failure: unknown;
  running.finished.catch((error: unknown) => (failure = error));
  while (!condition()) {
    if (failure !== undefined) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export async function errorOf(promise: Promise<unknown>): Promise<StateError> {
  const error: unknown = await promise.then(() => new Error("no error"), (thrown: unknown) => thrown);
  if (isStateError(error)) return error;
  throw error;
}

/** What the numbers 0 to 99 give. */
export const expected = Array.from({ length: 100 }, (_, number) => `${number % 10}: ${Math.floor(number / 10) + 1}`);

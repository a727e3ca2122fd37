import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CheckpointReport,
  int32,
  int64,
  isStateError,
  job,
  type Job,
  type JobOptions,
  mapState,
  type Sink,
  type StateBackend,
  string,
  valueState,
} from "@tidemark/core";
import { collectionSource, collectSink, fileSink, generatorSource } from "@tidemark/core/connectors";
import { memoryBackend } from "@tidemark/state-memory";
import { describe, expect, test } from "vitest";
import { ManualSource } from "./manual-source.js";
import { backends, scratchDirectory, silentLogger } from "./scratch.js";

type CheckpointOptions = Partial<NonNullable<JobOptions["checkpoint"]>>;

/** Counts numbers by their last digit and writes each new count. */
function countingJob(
  source: ManualSource,
  directory: string,
  backend: StateBackend,
  output: string[],
  checkpoint: CheckpointOptions = {},
  extra: Partial<JobOptions> = {},
): Job {
  return job(
    "counting",
    (env) => {
      env
        .source("numbers", source.source())
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
        .sink("out", collectSink(output));
    },
    { backend, checkpoint: { directory: join(directory, "checkpoints"), interval: "1h", ...checkpoint }, logger: silentLogger, ...extra },
  );
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isStateError(error) ? error.code : String(error);
  }
  return "no error";
}

describe.each(backends)("a job on $name", ({ create }) => {
  test("goes on from its last checkpoint with exact state, position and output", async () => {
    const directory = await scratchDirectory();
    const output: string[] = [];
    const source = new ManualSource();
    const first = countingJob(source, directory, create(directory), output).start();
    source.release(25);
    await until(() => output.length === 25);
    expect((await first.triggerCheckpoint()).records).toBe(25);
    source.release(10);
    await until(() => output.length === 35);
    const stopped = await first.stop();
    expect(stopped).toMatchObject({ status: "stopped", records: 35 });

    const again = new ManualSource();
    again.release(40);
    again.end();
    const result = await countingJob(again, directory, create(directory), output).run();
    expect(result).toMatchObject({ status: "finished", records: 40, restoredFrom: stopped.lastCheckpoint?.id });
    expect(output.length).toBe(40);
    expect(output.slice(-2)).toEqual(["8: 4", "9: 4"]);
    expect(result.lastCheckpoint?.kind).toBe("final");
  });

  test("drops what came after the last checkpoint when it dies, and does it again", async () => {
    const directory = await scratchDirectory();
    const output: string[] = [];
    const source = new ManualSource();
    const failing = countingJob(source, directory, create(directory), output);
    const first = failing.start();
    source.release(20);
    await until(() => output.length === 20);
    await first.triggerCheckpoint();
    source.release(7);
    await until(() => output.length === 27);
    // A second coordinator takes over: the first one is fenced at its next checkpoint and stops for good.
    const successor = new ManualSource();
    const second = countingJob(successor, directory, create(directory), output).start();
    await until(() => second.metrics().restoredFrom !== undefined);
    expect(await codeOf(first.triggerCheckpoint())).toBe("COORDINATOR_FENCED");
    expect(await codeOf(first.finished)).toBe("COORDINATOR_FENCED");
    successor.release(30);
    successor.end();
    expect(await second.finished).toMatchObject({ status: "finished", records: 30 });
    expect(output).toEqual(Array.from({ length: 30 }, (_, number) => `${number % 10}: ${Math.floor(number / 10) + 1}`));
  });

  test("event-time timers fire at the watermark and at the end of the input, over a restore too", async () => {
    const directory = await scratchDirectory();
    const output = join(directory, "windows.txt");
    const source = new ManualSource();
    const windows = (numbers: ManualSource): Job =>
      job(
        "windows",
        (env) => {
          env
            .source("numbers", numbers.source())
            .withTimestamps((number) => number)
            .keyBy((number) => (number % 2 === 0 ? "even" : "odd"), string())
            .process<string>("sum", (context) => {
              const sums = context.getState(mapState("sums", int32(), int64()));
              return {
                processElement(number) {
                  const window = Math.floor(number / 10);
                  sums.put(window, (sums.get(window) ?? 0) + number);
                  context.timers.registerEventTime(window * 10 + 9);
                },
                onTimer(timer, collect) {
                  const window = Math.floor(timer.timeMs / 10);
                  collect(`${context.key} ${window}: ${sums.get(window)}`);
                  sums.remove(window);
                },
              };
            })
            .sink("rows", fileSink({ path: output, format: (row) => row }));
        },
        { backend: create(directory), checkpoint: { directory: join(directory, "checkpoints") }, logger: silentLogger },
      );
    source.release(14);
    const first = windows(source).start();
    await until(() => first.metrics().records === 14);
    await first.stop();
    const again = new ManualSource();
    again.release(25);
    again.end();
    await windows(again).run();
    const rows = (await readFile(output, "utf8")).trim().split("\n");
    expect(rows.sort()).toEqual(["even 0: 20", "even 1: 70", "even 2: 66", "odd 0: 25", "odd 1: 75", "odd 2: 44"]);
  });

  test("processing-time timers fire while no input comes", async () => {
    const directory = await scratchDirectory();
    const output: string[] = [];
    const source = new ManualSource();
    const waiting = job(
      "waiting",
      (env) => {
        env
          .source("numbers", source.source())
          .keyBy((number) => number, int32())
          .process<string>("wait", (context) => ({
            processElement: () => context.timers.registerProcessingTime(context.timers.nowMs() + 5),
            onTimer: (timer, collect) => collect(`${timer.domain} ${context.key}`),
          }))
          .sink("out", collectSink(output));
      },
      { backend: create(directory), logger: silentLogger },
    );
    const running = waiting.start();
    source.release(3);
    await until(() => output.length === 3);
    source.end();
    await running.finished;
    expect(output.sort()).toEqual(["processing 0", "processing 1", "processing 2"]);
  });

  test("keeps `retain` checkpoints and takes them by interval", async () => {
    const directory = await scratchDirectory();
    const reports: CheckpointReport[] = [];
    const source = new ManualSource();
    const listeners = [{ checkpointCompleted: (report: CheckpointReport) => void reports.push(report) }];
    const running = countingJob(source, directory, create(directory), [], { interval: 5, retain: 2 }, { listeners }).start();
    for (let step = 1; step <= 6; step += 1) {
      source.release(10);
      await until(() => reports.length >= step);
    }
    await running.stop();
    const ids = reports.map((report) => report.id);
    expect(ids).toEqual([...ids].sort((left, right) => left - right));
    const { readdir } = await import("node:fs/promises");
    const kept = (await readdir(join(directory, "checkpoints", "counting"))).filter((name) => name.startsWith("chk-"));
    expect(kept.length).toBe(2);
    expect(kept.at(-1)).toBe(`chk-${String(ids.at(-1)).padStart(6, "0")}`);
  });
});

describe("a job", () => {
  test("runs map, filter, flatMap and branches in one chain", async () => {
    const evens: string[] = [];
    const all: number[] = [];
    const plain = job(
      "plain",
      (env) => {
        const numbers = env.source("numbers", collectionSource([1, 2, 3])).flatMap((number) => [number, number * 10]);
        numbers
          .filter((number) => number % 4 === 0)
          .map((number) => `n${number}`)
          .sink("evens", collectSink(evens));
        numbers.sink("all", collectSink(all));
      },
      { backend: memoryBackend(), logger: silentLogger },
    );
    expect(
      plain
        .explain()
        .split("\n")
        .map((line) => line.trim().split(" ")[0]),
    ).toEqual(["source", "flatMap", "filter", "map", "sink", "sink", ""]);
    expect(await plain.run()).toMatchObject({ status: "finished", records: 3, lastCheckpoint: undefined });
    expect(evens).toEqual(["n20"]);
    expect(all).toEqual([1, 10, 2, 20, 3, 30]);
  });

  test("stops on an abort signal with a last checkpoint", async () => {
    const directory = await scratchDirectory();
    const abort = new AbortController();
    const output: string[] = [];
    const source = new ManualSource();
    source.release(5);
    const running = countingJob(source, directory, memoryBackend(), output).start({ signal: abort.signal });
    await until(() => output.length === 5);
    abort.abort();
    expect(await running.finished).toMatchObject({ status: "stopped", records: 5, lastCheckpoint: { records: 5 } });
  });

  test("an error in a function names the operator and keeps the cause", async () => {
    const bad = job(
      "bad",
      (env) => {
        env
          .source("numbers", generatorSource({ count: 100, record: (index) => index }))
          .keyBy((number) => number, int32())
          .process("explode", () => ({
            processElement(number) {
              if (number === 50) throw new RangeError("fifty");
            },
          }))
          .sink("out", collectSink<never>([]));
      },
      { backend: memoryBackend(), logger: silentLogger },
    );
    const error: unknown = await bad.run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "USER_FUNCTION", details: { operator: "explode" }, cause: { message: "fifty" } });
  });

  test("an async function is refused", async () => {
    const bad = job(
      "bad",
      (env) => {
        env
          .source("numbers", collectionSource([1]))
          .keyBy((number) => number, int32())
          .process("async", () => ({ processElement: async () => await Promise.resolve() }))
          .sink("out", collectSink<never>([]));
      },
      { backend: memoryBackend(), logger: silentLogger },
    );
    expect(await codeOf(bad.run())).toBe("INVALID_ARGUMENT");
  });

  test("state cannot be used after the call that it belongs to", async () => {
    const later: (() => unknown)[] = [];
    const codes: string[] = [];
    const leaking = job(
      "leaking",
      (env) => {
        env
          .source("numbers", collectionSource([1, 2]))
          .keyBy((number) => number, int32())
          .process("leak", (context) => {
            const state = context.getState(valueState("state", int64()));
            later.push(
              () => state.value(),
              () => state.update(1),
              () => context.key,
            );
            return { processElement: (number) => state.update(number) };
          })
          .sink("out", collectSink<never>([]));
        env
          .source("others", collectionSource([3]))
          .filter(() => {
            for (const use of later) {
              try {
                codes.push(String(use()));
              } catch (error) {
                codes.push(isStateError(error) ? error.code : String(error));
              }
            }
            return false;
          })
          .sink("nothing", collectSink<number>([]));
      },
      { backend: memoryBackend(), logger: silentLogger },
    );
    await leaking.run();
    expect(codes).toEqual(["NO_CURRENT_KEY", "NO_CURRENT_KEY", "NO_CURRENT_KEY"]);
  });

  test("wrong options and graphs are refused before anything runs", () => {
    const build = (): void => undefined;
    const codes = [
      () => job("bad name!", build, { backend: memoryBackend() }),
      () => job("x", build, { backend: memoryBackend() }),
      () => job("x", (env) => void env.source("s", collectionSource([1])), { backend: memoryBackend() }),
      () =>
        job(
          "x",
          (env) => {
            env.source("s", collectionSource([1])).sink("s", collectSink([]));
          },
          { backend: memoryBackend() },
        ),
      () => job("x", build, { backend: undefined as unknown as StateBackend }),
      () => job("x", build, { backend: memoryBackend(), speed: 9 } as JobOptions),
      () => job("x", build, { backend: memoryBackend(), maxParallelism: 0 }),
      () => job("x", build, { backend: memoryBackend(), checkpoint: { directory: "d", interval: "soon" as "1s" } }),
      () => job("x", build, { backend: memoryBackend(), checkpoint: { directory: "d", retain: 0 } }),
    ].map((call) => {
      try {
        call();
      } catch (error) {
        return isStateError(error) ? error.code : String(error);
      }
      return "no error";
    });
    expect(codes).toEqual([
      "INVALID_CONFIGURATION",
      "INVALID_GRAPH",
      "INVALID_GRAPH",
      "INVALID_GRAPH",
      "INVALID_CONFIGURATION",
      "INVALID_CONFIGURATION",
      "INVALID_CONFIGURATION",
      "INVALID_CONFIGURATION",
      "INVALID_CONFIGURATION",
    ]);
  });

  test("a checkpoint that starts while the input ends completes", async () => {
    const directory = await scratchDirectory();
    const taken: Promise<CheckpointReport>[] = [];
    const slowSink: Sink<number> = {
      description: "slow",
      open: async () => ({
        write: () => undefined,
        // Each batch, the empty one at the end too, waits long enough for a barrier to come meanwhile.
        drain: () => {
          taken.push(running.triggerCheckpoint());
          return new Promise((resolve) => setTimeout(resolve, 100));
        },
        snapshot: async () => null,
        notifyCheckpointComplete: async () => undefined,
        finish: async () => undefined,
        close: async () => undefined,
      }),
    };
    const ending = job("ending", (env) => env.source("numbers", collectionSource([1])).sink("out", slowSink), {
      backend: memoryBackend(),
      checkpoint: { directory: join(directory, "checkpoints"), interval: "1h", timeout: "5s" },
      logger: silentLogger,
    });
    const running = ending.start();
    expect(await running.finished).toMatchObject({ status: "finished", lastCheckpoint: { kind: "final" } });
    expect(taken.length).toBeGreaterThanOrEqual(2);
    for (const checkpoint of taken) expect(await checkpoint).toMatchObject({ kind: "checkpoint" });
  });

  test("checkpoint ids only grow, and can be asked for", async () => {
    const directory = await scratchDirectory();
    const running = countingJob(new ManualSource(), directory, memoryBackend(), []).start();
    expect((await running.triggerCheckpoint({ id: 41 })).id).toBe(41);
    expect(await codeOf(running.triggerCheckpoint({ id: 41 }))).toBe("CHECKPOINT_ID");
    expect((await running.triggerCheckpoint()).id).toBe(42);
    await running.stop();
    expect(await codeOf(running.triggerCheckpoint())).toBe("CHECKPOINT_DECLINED");
  });
});

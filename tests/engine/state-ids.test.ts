import { join } from "node:path";
import { int32, int64, job, valueState } from "@tidemark/core";
import { collectSink, generatorSource } from "@tidemark/core/connectors";
import { keyGroupRangeOf, type KeyedStateContext, OperatorStateIdRegistry } from "@tidemark/core/state";
import { directoryCheckpointStorage, type Json, NodeFileSystem } from "@tidemark/core/storage";
import { fsBackend } from "@tidemark/state-fs";
import { memoryBackend } from "@tidemark/state-memory";
import { describe, expect, onTestFinished, test } from "vitest";
import { scratchDirectory, silentLogger } from "./scratch.js";

const heapBackends = [
  { name: "memory", create: () => memoryBackend() },
  { name: "fs", create: (directory: string) => fsBackend({ directory: join(directory, "state") }) },
];

describe.each(heapBackends)("ids of states on $name", ({ create }) => {
  test("rule 10: three subtasks that declare states in different orders store the same ids", async () => {
    const directory = await scratchDirectory();
    const fileSystem = new NodeFileSystem();
    onTestFinished(() => fileSystem.close());
    const lease = await directoryCheckpointStorage({ directory: join(directory, "checkpoints"), fileSystem }).acquire("ids");
    const stateIds = new OperatorStateIdRegistry("count");
    const backend = create(directory);
    const pending = await lease.begin(1);
    const maps: Json[] = [];
    const orders = [["a", "b", "c"], ["c", "a", "b"], ["d", "b"]];
    for (const [subtask, names] of orders.entries()) {
      const context: KeyedStateContext<number> = {
        job: "ids",
        operator: "count",
        subtask,
        generation: lease.generation,
        keySerializer: int32(),
        keyGroups: keyGroupRangeOf(subtask, 3, 12),
        maxParallelism: 12,
        fileSystem,
        nowMs: () => 0,
        stateIds,
      };
      const state = await backend.open(context);
      for (const name of names) state.getState(valueState(name, int64()));
      const { result } = await state.snapshot(1, pending.files, new AbortController().signal);
      const { states } = (await result).handle.description as { states: { nextId: number; states: { id: number; name: string }[] } };
      maps.push(Object.fromEntries(states.states.map(({ id, name }) => [name, id])));
      await state.close();
    }
    expect(maps).toEqual([{ a: 1, b: 2, c: 3 }, { a: 1, b: 2, c: 3 }, { b: 2, d: 4 }]);
  });

  test("rule 10: a job stores the ids of each operator, and a state that it no longer declares keeps its id", async () => {
    const directory = await scratchDirectory();
    const run = async (names: readonly string[], count: number): Promise<Json> => {
      const checkpoints = join(directory, "checkpoints");
      const ended = await job(
        "ids",
        (env) => {
          env
            .source("numbers", generatorSource({ count, record: (index) => index }))
            .keyBy((number) => number, int32())
            .process<number>("count", (context) => {
              for (const name of names) context.getState(valueState(name, int64()));
              return { processElement: () => undefined };
            })
            .sink("out", collectSink([]));
        },
        { backend: create(directory), checkpoint: { directory: checkpoints }, logger: silentLogger },
      ).run();
      expect(ended.status).toBe("finished");
      const fileSystem = new NodeFileSystem();
      const reader = directoryCheckpointStorage({ directory: checkpoints, fileSystem }).reader("ids");
      const newest = (await reader.list()).at(-1);
      if (newest === undefined) throw new Error("no checkpoint");
      const { operators } = await reader.readManifest(newest);
      return operators.find(({ id }) => id === "count")?.stateIds as unknown as Json;
    };
    const states = [{ id: 1, name: "a" }, { id: 2, name: "b" }];
    expect(await run(["a", "b"], 3)).toEqual({ nextId: 3, states, retired: [] });
    expect(await run(["c"], 6)).toEqual({ nextId: 4, states: [...states, { id: 3, name: "c" }], retired: [] });
    expect(await run(["b", "a"], 9)).toEqual({ nextId: 4, states: [...states, { id: 3, name: "c" }], retired: [] });
  });
});

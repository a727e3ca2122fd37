import type { SourceContext, SourceReader } from "@tidemark/core";
import { collectionSource } from "@tidemark/core/connectors";
import { NodeFileSystem } from "@tidemark/core/storage";
import { expect, test } from "vitest";
import { RecordTimes } from "./timed-source.js";

const context: SourceContext = { subtask: 0, parallelism: 1, fileSystem: new NodeFileSystem(), signal: new AbortController().signal };

function timesAt(moments: number[]): RecordTimes {
  return new RecordTimes(() => moments.shift() ?? Number.NaN);
}

test("time runs from asking for the first batch to the end, and records and positions are those of the source", async () => {
  const times = timesAt([100, 350]);
  const reader = await times.watch(collectionSource(["a", "b", "c"], { batchSize: 2 })).open(context, { index: 0 });
  expect([...((await reader.nextBatch()) ?? [])]).toEqual(["a", "b"]);
  expect(reader.position()).toEqual({ index: 2 });
  expect([...((await reader.nextBatch()) ?? [])]).toEqual(["c"]);
  expect(times.durationMs).toBeNaN();
  expect(await reader.nextBatch()).toBeUndefined();
  expect(times.durationMs).toBe(250);
});

test("a source that has to wait is timed until it is answered", async () => {
  const times = timesAt([1, 4]);
  const batches = [["a"], undefined];
  const reader: SourceReader<string> = { nextBatch: async () => batches.shift(), position: () => null, close: async () => undefined };
  const timed = await times.watch({ description: "late", open: async () => reader }).open(context, undefined);
  expect(await timed.nextBatch()).toEqual(["a"]);
  expect(await timed.nextBatch()).toBeUndefined();
  expect(times.durationMs).toBe(3);
});

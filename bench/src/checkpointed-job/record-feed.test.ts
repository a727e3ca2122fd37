import { expect, test } from "vitest";
import { RecordFeed } from "./record-feed.js";
import { NodeFileSystem } from "@tidemark/core/storage";

type Reader = Awaited<ReturnType<RecordFeed["source"]["open"]>>;

async function opened(nowMs: () => number): Promise<{ feed: RecordFeed; reader: Reader }> {
  const feed = new RecordFeed(nowMs, () => new Promise((resolve) => setImmediate(resolve)));
  const context = { subtask: 0, parallelism: 1, fileSystem: new NodeFileSystem(), signal: new AbortController().signal };
  return { feed, reader: await feed.source.open(context, undefined) };
}

/** Takes records like a job, until it fails. */
async function consume(reader: Reader, seen: number[]): Promise<void> {
  for (;;) seen.push(...((await reader.nextBatch()) ?? []));
}

test("a burst is processed when it resolves, and nothing comes after it", async () => {
  const { feed, reader } = await opened(() => 0);
  const seen: number[] = [];
  const job = consume(reader, seen);
  let next = 0;
  await feed.burst(1_000, () => next++);
  expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
  await feed.burst(0, () => 5);
  await feed.burst(3, () => 7);
  expect(seen.slice(1_000)).toEqual([7, 7, 7]);
  feed.crash(new Error("enough"));
  await expect(job).rejects.toThrow("enough");
});

test("a pace gives what is due and no more, and catches up after a pause", async () => {
  let nowMs = 0;
  const { feed, reader } = await opened(() => nowMs);
  const seen: number[] = [];
  const job = consume(reader, seen);
  feed.pace(20_000, () => 1);
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  await turns();
  expect(seen).toHaveLength(0);
  nowMs = 1;
  await feed.reached(20);
  await turns();
  expect(seen).toHaveLength(20);
  nowMs = 101;
  await turns();
  expect(seen).toHaveLength(2_020);
  await feed.hold();
  nowMs = 10_000;
  await turns();
  expect(seen).toHaveLength(2_020);
  feed.crash(new Error("enough"));
  await expect(job).rejects.toThrow("enough");
});

test("a crash ends one life only", async () => {
  const { feed, reader } = await opened(() => 0);
  const job = consume(reader, []);
  feed.crash(new Error("first"));
  await expect(job).rejects.toThrow("first");
  feed.restart();
  const seen: number[] = [];
  const second = consume(reader, seen);
  await feed.burst(2, () => 4);
  expect(seen).toEqual([4, 4]);
  feed.crash(new Error("second"));
  await expect(second).rejects.toThrow("second");
});

import { Database } from "@tidemark/rocksdb";
import { int64, listState, mapState, reducingState, string, valueState } from "@tidemark/core/state";
import { BackendHarness } from "@tidemark/core/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { rocksdbBackend } from "./index.js";

const hourMs = 3_600_000;
const ttl = { duration: hourMs };
const value = valueState("value", int64(), { ttl });
const list = listState("list", int64(), { ttl });
const map = mapState("map", string(), int64(), { ttl });
const sum = reducingState("sum", int64(), (left, right) => left + right, { ttl });
const lasting = valueState("lasting", int64());
const longer = valueState("longer", int64(), { ttl: { duration: 10 * hourMs } });

const keys = 40;

let harness: BackendHarness<string>;
const opened = vi.spyOn(Database, "open");

beforeEach(async () => {
  harness = await BackendHarness.create((directory) => rocksdbBackend({ directory }), { keySerializer: string() });
  await harness.open();
});
afterEach(async () => await harness.dispose());

/** The database below the state that was opened last. */
async function database(): Promise<Database> {
  return (await opened.mock.results.at(-1)?.value) as Database;
}

/** Drains the table and compacts everything; the number of entries that stay. */
async function compacted(): Promise<number> {
  const below = await database();
  const { id } = below.columnFamily("state");
  const exported = harness.state.exportEntries();
  for (const _ of exported.entries(() => undefined)) continue;
  exported.close();
  await below.compactRange(id);
  return below.liveFiles(id).reduce((count, file) => count + file.entryCount, 0);
}

function fill(): void {
  const { state } = harness;
  for (let key = 0; key < keys; key += 1) {
    state.setCurrentKey(`k${key}`);
    state.getState(value).update(key);
    state.getState(list).addAll([key, key + 1]);
    state.getState(map).put("a", key);
    state.getState(map).put("b", key);
    state.getState(sum).add(key);
    state.getState(lasting).update(key);
    state.getState(longer).update(key);
  }
}

/** What a key reads in each state. */
function read(key: string): unknown[] {
  const { state } = harness;
  state.setCurrentKey(key);
  return [
    state.getState(value).value(),
    state.getState(list).get(),
    [...state.getState(map).entries()],
    state.getState(sum).get(),
    state.getState(lasting).value(),
    state.getState(longer).value(),
  ];
}

/** Enough records for the clock to be looked at. */
function processRecords(): void {
  for (let record = 0; record < 1024; record += 1) harness.state.setCurrentKey("k0");
}

describe("compaction removes expired state", () => {
  test("of every kind, and nothing that still lives", async () => {
    fill();
    expect(await compacted()).toBe(7 * keys);
    harness.clock.advance(hourMs - 1);
    processRecords();
    expect(await compacted()).toBe(7 * keys);
    expect(read("k3")).toEqual([3, [3, 4], [["a", 3], ["b", 3]], 3, 3, 3]);
    harness.clock.advance(1);
    processRecords();
    expect(await compacted()).toBe(2 * keys);
    for (let key = 0; key < keys; key += 1) expect(read(`k${key}`)).toEqual([undefined, [], [], undefined, key, key]);
    expect((await database()).ttlStatistics()).toEqual({ removed: 6 * keys, malformed: 0 });
  });

  test("reads do not see expired state before it is compacted away, and young elements outlive old ones", async () => {
    fill();
    harness.clock.advance(hourMs / 2);
    harness.state.setCurrentKey("k1");
    harness.state.getState(list).add(99);
    harness.state.getState(map).put("c", 99);
    harness.clock.advance(hourMs / 2);
    const young = [undefined, [99], [["c", 99]], undefined, 1, 1];
    expect(read("k2")).toEqual([undefined, [], [], undefined, 2, 2]);
    expect(read("k1")).toEqual(young);
    processRecords();
    await compacted();
    expect(read("k1")).toEqual(young);
    expect(read("k2")).toEqual([undefined, [], [], undefined, 2, 2]);
  });

  test("at a snapshot the clock is looked at too", async () => {
    fill();
    harness.clock.advance(hourMs);
    expect(await compacted()).toBe(7 * keys);
    await harness.checkpoint();
    expect(await compacted()).toBe(2 * keys);
  });

  test("a clock that is set back makes nothing live again", async () => {
    fill();
    harness.clock.advance(hourMs);
    processRecords();
    harness.clock.set(harness.clock.nowMs() - hourMs);
    processRecords();
    expect(await compacted()).toBe(2 * keys);
    expect(read("k1")).toEqual([undefined, [], [], undefined, 1, 1]);
  });

  test("a restored database filters the states that the job declares", async () => {
    fill();
    await harness.checkpoint();
    await harness.close();
    harness.clock.advance(hourMs);
    await harness.open();
    processRecords();
    expect(await compacted()).toBe(7 * keys);
    harness.state.setCurrentKey("k0");
    harness.state.getState(list);
    expect(await compacted()).toBe(6 * keys);
    harness.state.getState(value);
    harness.state.getState(map);
    harness.state.getState(sum);
    harness.state.getState(longer);
    expect(await compacted()).toBe(2 * keys);
    expect(read("k5")).toEqual([undefined, [], [], undefined, 5, 5]);
    await harness.checkpoint();
    await harness.close();
    await harness.open();
    expect(read("k5")).toEqual([undefined, [], [], undefined, 5, 5]);
    expect(await compacted()).toBe(2 * keys);
  });
});

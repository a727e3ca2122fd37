import { type ByteCursor, ByteWriter } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import { describe, expect, test } from "vitest";
import { type Change, MemoryBacking, PlainMemory } from "./memory-backing.test.support.js";
import { WriteBackStore } from "./write-back-store.js";

const runs = Math.min(100, Number(process.env["TIDEMARK_RANDOM_RUNS"] ?? 30));
const firstSeed = Number(process.env["TIDEMARK_SEED"] ?? Date.now() % 1_000_000);

function writerOf(bytes: Uint8Array): ByteWriter {
  const writer = new ByteWriter({ maxBytes: 0x7fff_ffff });
  writer.raw(bytes);
  return writer;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

describe("write-back store", () => {
  test.each(Array.from({ length: runs }, (_, run) => run))("random operations against a model, run %i", async (run) => {
    const seed = (firstSeed + run) >>> 0;
    try {
      await randomRun(new SeededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
    }
  });
});

test("a value that is read twice in a row is asked for once, and again after a write", async () => {
  const memory = new PlainMemory();
  const backing = new MemoryBacking(memory);
  const store = new WriteBackStore(backing, memory, 16 * 32 * 1024, () => undefined);
  const keyOf = (id: number): ByteWriter => writerOf(Buffer.from(`01${String(id).padStart(8, "0")}`));
  for (let id = 0; id < 2000; id += 1) {
    store.put(keyOf(id), writerOf(Buffer.alloc(300, id % 251)));
    if (id % 200 === 199) await settle(store, backing);
  }
  const first = (id: number): number | undefined => store.get(keyOf(id))?.u8();
  const missesOf = (read: () => void): number => {
    const { misses } = store.counters();
    read();
    return store.counters().misses - misses;
  };
  const evicted = Array.from({ length: 2000 }, (_, id) => id).filter((id) => missesOf(() => first(id)) === 1);
  expect(evicted.length).toBeGreaterThan(500);
  // The table is full now, so a first miss keeps nothing.
  for (const id of evicted.slice(0, 20)) {
    let values: (number | undefined)[] = [];
    const misses = missesOf(() => (values = [first(id), first(id), first(id)]));
    expect(misses).toBeLessThanOrEqual(1);
    expect(values).toEqual([id % 251, id % 251, id % 251]);
  }
  // What was read is forgotten with a write, also where the table has evicted what was written by then.
  let evictedAgain = 0;
  let other = 2000;
  for (const each of evicted.slice(100, 110)) {
    expect(first(each)).toBe(each % 251);
    store.put(keyOf(each), writerOf(Buffer.alloc(300, 253)));
    for (const until = other + 4000; other < until; other += 1) {
      store.put(keyOf(other), writerOf(Buffer.alloc(300, other % 251)));
      if (other % 200 === 199) await settle(store, backing);
    }
    evictedAgain += missesOf(() => expect(first(each)).toBe(253));
  }
  expect(evictedAgain).toBeGreaterThan(0);
  // And with a list that is read, which uses the same memory.
  const [id = 0, list = 0] = evicted.slice(200, 202);
  store.append(keyOf(list), writerOf(Buffer.alloc(10, 254)));
  expect(first(id)).toBe(id % 251);
  expect(missesOf(() => expect(first(list)).toBe(list % 251))).toBe(1);
  expect(first(id)).toBe(id % 251);
  store.delete(keyOf(id));
  expect([first(id), first(id)]).toEqual([undefined, undefined]);
  expect(missesOf(() => [first(9_999_999), first(9_999_999)])).toBe(1);
});

describe("a writer that is ahead of the drains", () => {
  const budgetBytes = 64 * 32 * 1024;
  const layerBytes = budgetBytes / 5;
  const valueBytes = 100;

  function writing(): { backing: MemoryBacking; store: WriteBackStore<readonly Change[]>; write: (bytes: number) => void } {
    const memory = new PlainMemory();
    const backing = new MemoryBacking(memory);
    const store = new WriteBackStore(backing, memory, budgetBytes, () => undefined);
    let next = 0;
    /** Writes until so many bytes are not drained, in this layer, or it ends. */
    const write = (dirtyBytes: number): void => {
      const { spills } = store.counters();
      while (store.counters().dirtyBytes < dirtyBytes && store.counters().spills === spills) {
        const key = Buffer.alloc(8, 1);
        key.writeUInt32BE((next += 1), 4);
        store.put(writerOf(key), writerOf(Buffer.alloc(valueBytes)));
      }
    };
    return { backing, store, write };
  }

  test("goes on at once with half of a layer, then is held back for a moment after each step", () => {
    const { store, write } = writing();
    write(Infinity);
    write(layerBytes * 0.49);
    expect(store.counters()).toMatchObject({ spills: 1, pauses: 0 });
    write(layerBytes * 0.75);
    expect(store.counters()).toMatchObject({ spills: 1, stalls: 0 });
    // Half of what it may still grow by, in half of the steps.
    expect(store.counters().pauses).toBeGreaterThan(10);
    expect(store.counters().pauses).toBeLessThan(22);
    // In the end both frozen layers are on their way.
    write(Infinity);
    expect(store.counters()).toMatchObject({ spills: 2, stalls: 0 });
  });

  test("goes on as soon as the drain has ended, with a new layer", () => {
    const { backing, store, write } = writing();
    write(Infinity);
    backing.endsInTime = true;
    write(Infinity);
    expect(store.counters()).toMatchObject({ spills: 2, pauses: 1, stalls: 0 });
    expect(store.drainedLayer).toBe(1);
  });
});

interface OpenCursor {
  readonly cursor: ByteCursor;
  readonly expected: readonly (readonly [string, string])[];
  at: number;
}

async function randomRun(random: SeededRandom): Promise<void> {
  const memory = new PlainMemory();
  const backing = new MemoryBacking(memory);
  const budgetBytes = random.pick([16, 24, 64]) * 32 * 1024;
  const store = new WriteBackStore(backing, memory, budgetBytes, () => undefined);
  const model = new Map<string, Buffer>();
  const keyCount = random.pick([20, 300, 5000]);
  const largest = random.pick([20, 200, 3000, 20_000]);
  if (random.below(2) === 0) store.keepOrder(1);
  const randomKey = (): Buffer => {
    const id = random.below(keyCount);
    const key = Buffer.alloc(8 + (id % 5) + (id % 97 === 0 ? 6000 : 0), id % 251);
    key.writeUInt16BE(id % 3, 0);
    key.writeUInt16BE(1 + (id % 2), 2);
    key.writeUInt32BE(id, 4);
    return key;
  };
  const cursors: OpenCursor[] = [];
  const steps = 400 + random.below(1500);
  for (let step = 0; step < steps; step += 1) {
    const key = randomKey();
    const name = text(key);
    const action = random.below(100);
    if (action < 25) {
      const value = Buffer.alloc(random.below(largest), random.below(256));
      store.put(writerOf(key), writerOf(value));
      model.set(name, value);
    } else if (action < 45) {
      const value = Buffer.alloc(1 + random.below(random.pick([10, 10, 2000])), random.below(256));
      store.append(writerOf(key), writerOf(value));
      model.set(name, Buffer.concat([model.get(name) ?? Buffer.alloc(0), value]));
    } else if (action < 55) {
      store.delete(writerOf(key));
      model.delete(name);
    } else if (action < 78) {
      const found = store.get(writerOf(key));
      const bytes = found === undefined ? undefined : text(found.bytes.subarray(found.position, found.end));
      expect(bytes).toBe(model.get(name)?.toString("latin1"));
    } else if (action < 84) {
      const lower = randomKey().subarray(0, random.pick([4, 8]));
      const upper = Buffer.from([lower[0] as number, lower[1] as number, lower[2] as number, (lower[3] as number) + 1]);
      const expected = [...model].filter(([k]) => k >= text(lower) && k < text(upper)).sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]): [string, string] => [k, v.toString("latin1")]);
      const cursor = store.scan(lower, upper);
      cursors.push({ cursor, expected, at: 0 });
    } else if (action < 94) {
      const open = cursors[random.below(Math.max(1, cursors.length))];
      let left = open === undefined ? 0 : 1 + random.below(30);
      while (left > 0 && advance(open as OpenCursor)) left -= 1;
    } else if (action < 95) {
      backing.collect();
    } else if (action < 97) {
      if (store.queue.hasSlot) void store.freeze().catch(() => undefined);
    } else if (action < 99) {
      if (random.below(12) === 0) backing.failures = 1;
      backing.step();
      if (random.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
      store.queue.retry();
    } else {
      const lower = randomKey().subarray(0, 4);
      const upper = Buffer.from([lower[0] as number, lower[1] as number, lower[2] as number, (lower[3] as number) + 1]);
      if (random.below(4) === 0) {
        store.deleteRange(lower, upper);
        for (const k of model.keys()) if (k >= text(lower) && k < text(upper)) model.delete(k);
      }
    }
    if (cursors.length > 3) cursors.shift()?.cursor.close();
  }
  for (const open of cursors) while (advance(open));
  await settle(store, backing);
  expect([...backing.contents].map(([k, v]) => [k, text(v)]).sort()).toEqual([...model].map(([k, v]) => [k, v.toString("latin1")]).sort());
  expect(backing.openSnapshots).toBe(0);
}

function advance(open: OpenCursor): boolean {
  const { cursor, expected } = open;
  const has = cursor.next();
  const wanted = expected[open.at];
  if (!has) {
    expect(wanted).toBeUndefined();
    return false;
  }
  const { key, value } = cursor;
  expect([text(key.bytes.subarray(key.position, key.end)), text(value.bytes.subarray(value.position, value.end))]).toEqual(wanted);
  open.at += 1;
  return true;
}

async function settle(store: { readonly queue: { retry(): void }; freeze(): Promise<void> }, backing: MemoryBacking): Promise<void> {
  backing.failures = 0;
  for (let i = 0; i < 5; i += 1) {
    store.queue.retry();
    backing.step();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  void store.freeze();
  for (let i = 0; i < 5; i += 1) {
    backing.step();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

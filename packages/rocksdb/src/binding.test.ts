// Calls the addon directly, as the classes above it never would: nothing a caller passes may crash the process.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { failure, temporaryDirectory } from "./fixtures.test.support.js";
import { loadNative } from "./native.js";
import { completeOptions } from "./options.js";

const native = loadNative();
const functions = native as unknown as Record<string, (...values: unknown[]) => unknown>;
const call = (name: string, ...values: unknown[]): unknown => functions[name]?.(...values);

// A strange path may be taken as a directory to make: it shall be made where it does not stay.
const workingDirectory = process.cwd();
beforeAll(() => process.chdir(temporaryDirectory()));
afterAll(() => process.chdir(workingDirectory));

let database = 0;
const out = new Uint8Array(64);
const ranges = new Int32Array(8);

beforeEach(async () => {
  const options = completeOptions({ columnFamilies: [{ name: "sum", mergeOperator: "int64-add" }] });
  database = (await native.open(temporaryDirectory(), options)).handle;
});

afterEach(async () => {
  await native.close(database);
});

function detached(): Uint8Array {
  const bytes = new Uint8Array(16);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const STRANGE: unknown[] = [
  undefined, null, true, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 53, 4294967295, "", "x", "a\0b", 5n, Symbol("s"),
  {}, [], [-1], ["x"], [0.5], () => 0, new Uint8Array(0), new Int32Array(1), new Float64Array(4), new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)), detached(), new Proxy({}, {}),
];

const CALLS: [string, () => unknown[]][] = [
  ["open", () => ["/dev/null/x", completeOptions({})]],
  ["get", () => [database, 0, 0, new Uint8Array(8), 4, out]],
  ["multiGet", () => [database, 0, 0, Uint8Array.of(1, 0, 0, 0, 65), 5, 1, out, ranges]],
  ["releaseSnapshot", () => [database, 1]],
  ["property", () => [database, 0, "rocksdb.stats"]],
  ["latestSequenceNumber", () => [database]],
  ["write", () => [database, new Uint8Array(0), 0, false]],
  ["openIterator", () => [database, 0, 0, 12, new Uint8Array(8), 4, 4]],
  ["nextChunk", () => [database, native.openIterator(database, 0, 0, 0, out, 0, 0), out, 1]],
  ["seekIterator", () => [database, native.openIterator(database, 0, 0, 0, out, 0, 0), out, 4, 0]],
  ["closeIterator", () => [database, native.openIterator(database, 0, 0, 0, out, 0, 0)]],
  ["flush", () => [database, [0]]],
  ["takeFlushOutputs", () => [database]],
  ["setFlushLinkDirectory", () => [database, ""]],
  ["compactRange", () => [database, 0]],
  ["liveFiles", () => [database, 0]],
  ["pinLiveFiles", () => [database, [0], "/dev/null"]],
  ["importFiles", () => [database, "sum", "none", [{ directory: "/dev/null", files: [] }]]],
  ["clipColumnFamily", () => [database, 0, out, out, true]],
  ["deleteFilesInRange", () => [database, 0, out, out, true]],
  ["addTableChunk", () => [native.createTableMemory(), 10]],
  ["allocateTableBlock", () => [native.createTableMemory(), 10, new Uint32Array(1)]],
  ["freeTableBlock", () => [native.createTableMemory(), 0, new ArrayBuffer(8)]],
  ["tableMemorySize", () => [native.createTableMemory()]],
  ["closeTableMemory", () => [native.createTableMemory()]],
  ["drain", () => [database, 0, native.createTableMemory(), new Uint32Array(2), 0, 1024, 3, 1, "/dev", "x", 1000, 0xffff_ffff]],
  ["waitForCollected", () => [database]],
  ["waitForDrain", () => [database, 1]],
  ["isDraining", () => [database]],
  ["createSharedCache", () => [100]],
  ["sharedCacheUsage", () => [native.createSharedCache(100)]],
  ["setSharedCacheCapacity", () => [native.createSharedCache(100), 200]],
  ["closeSharedCache", () => [native.createSharedCache(100)]],
  ["memoryUsage", () => [database]],
  ["statistics", () => [database]],
  ["dropColumnFamily", () => [database, 0]],
  ["setOptions", () => [database, 0, ["level0_slowdown_writes_trigger", "20"]]],
  ["setErrorClass", () => [undefined]],
  ["noOperation", () => [1]],
  ["close", () => [12345678]],
];

describe("arguments", () => {
  test.each(CALLS)("%s survives every strange argument at every place, and missing ones", async (name, make) => {
    for (let place = 0; place < make().length; place++) {
      for (const strange of STRANGE) {
        if (name === "setErrorClass" && typeof strange === "function") continue;
        const values = make();
        values[place] = strange;
        try {
          await call(name, ...values);
        } catch (error) {
          expect(error, `${name} argument ${place}`).toHaveProperty("code");
        }
      }
      expect((await failure(() => call(name, ...make().slice(0, place)))).code).toMatch(/INVALID_ARGUMENT|DISPOSED/);
    }
    // Still alive and well.
    expect(native.latestSequenceNumber(database)).toBe(0);
  });

  test("a detached buffer is refused, not read as empty", async () => {
    for (const action of [
      () => native.get(database, 0, 0, detached(), 0, out),
      () => native.get(database, 0, 0, new Uint8Array(4), 4, detached()),
      () => native.write(database, detached(), 0, false),
    ]) {
      const error = await failure(action);
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(error.message).toContain("detached");
    }
  });

  test("-1, fractions and lengths beyond the buffer are refused", async () => {
    for (const length of [-1, 0.5, 9, 4294967295, 2 ** 53, Number.NaN]) {
      expect((await failure(() => native.get(database, 0, 0, new Uint8Array(8), length, out))).code).toBe("INVALID_ARGUMENT");
      expect((await failure(() => native.write(database, new Uint8Array(8), length, false))).code).toBe("INVALID_ARGUMENT");
    }
    for (const family of [-1, 2, 0.5, 4294967295]) {
      expect((await failure(() => native.get(database, family, 0, new Uint8Array(8), 1, out))).code).toBe("INVALID_ARGUMENT");
    }
  });

  test("stale handles are refused although their slot is used again", async () => {
    const first = native.openIterator(database, 0, 0, 0, out, 0, 0);
    native.closeIterator(database, first);
    const second = native.openIterator(database, 0, 0, 0, out, 0, 0);
    expect(second).not.toBe(first);
    expect((await failure(() => native.nextChunk(database, first, out, 9))).code).toBe("DISPOSED");
    expect(native.nextChunk(database, second, out, 9)).toBe(0);
    const snapshot = native.takeSnapshot(database);
    native.releaseSnapshot(database, snapshot);
    native.takeSnapshot(database);
    expect((await failure(() => native.get(database, 0, snapshot, out, 1, out))).code).toBe("DISPOSED");
    const old = database;
    await native.close(old);
    database = (await native.open(temporaryDirectory(), completeOptions({}))).handle;
    expect((await failure(() => native.latestSequenceNumber(old))).code).toBe("DISPOSED");
    for (const handle of [0, 1, -1, 2 ** 20, 2 ** 52, old + 1, old + 0.5]) {
      expect((await failure(() => native.latestSequenceNumber(handle))).code).toMatch(/DISPOSED|INVALID_ARGUMENT/);
    }
  });
});

type Header = { family?: number; operation?: number; reserved?: number; keyLength?: number; valueLength?: number };

function record(key: number[], value: number[], header: Header = {}): Uint8Array {
  const bytes = new Uint8Array(12 + key.length + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.family ?? 0, true);
  bytes[2] = header.operation ?? 0;
  bytes[3] = header.reserved ?? 0;
  view.setUint32(4, header.keyLength ?? key.length, true);
  view.setUint32(8, header.valueLength ?? value.length, true);
  bytes.set(key, 12);
  bytes.set(value, 12 + key.length);
  return bytes;
}

describe("batches", () => {
  test.each<[string, Uint8Array]>([
    ["unknown operation", record([1], [2], { operation: 4 })],
    ["reserved byte", record([1], [2], { reserved: 1 })],
    ["unknown column family", record([1], [2], { family: 7 })],
    ["key beyond the end", record([1], [2], { keyLength: 3 })],
    ["value beyond the end", record([1], [2], { valueLength: 2 })],
    ["lengths whose sum overflows 32 bits", record([1], [2], { keyLength: 0xffffffff, valueLength: 3 })],
    ["delete with a value", record([1], [2], { operation: 1 })],
    ["merge without an operator", record([1], [2], { operation: 2 })],
    ["reversed range", record([2], [1], { operation: 3 })],
    ["trailing byte", Uint8Array.of(...record([1], [2]), 0)],
    ["cut header", record([], []).subarray(0, 11)],
  ])("%s: nothing of the batch is written", async (_name, bad) => {
    const batch = Uint8Array.of(...record([9], [9]), ...bad);
    const error = await failure(() => native.write(database, batch, batch.length, false));
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toContain("nothing was written");
    expect(native.latestSequenceNumber(database)).toBe(0);
    expect(native.write(database, record([9], [9]), 14, false)).toBe(1);
  });

  test("random bytes never crash", async () => {
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
    for (let round = 0; round < 3000; round++) {
      const batch = record([next() & 255], [next() & 255, 3], { operation: next() % 5, family: next() % 3 });
      for (let change = next() % 4; change > 0; change--) batch[next() % batch.length] = next();
      const length = next() % (batch.length + 1);
      try {
        native.write(database, batch, length, false);
      } catch (error) {
        expect(error).toHaveProperty("code", "INVALID_ARGUMENT");
      }
    }
  });
});

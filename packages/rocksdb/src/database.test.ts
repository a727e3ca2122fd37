import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { Database } from "./database.js";
import { bytes, contents, failure, open, put, read, temporaryDirectory, text } from "./fixtures.test.support.js";
import { KeyList } from "./key-list.js";
import { version } from "./native.js";
import type { OpenOptions } from "./options.js";
import { WriteBatch } from "./write-batch.js";

describe("opening", () => {
  test("tells its version", () => {
    expect(version().rocksdb).toBe("11.8.1");
    expect(version().commit).not.toBe("");
  });

  test("keeps column families, their numbers' meaning and their data over a reopen", async () => {
    const path = temporaryDirectory();
    const options: OpenOptions = { columnFamilies: [{ name: "a" }, { name: "sum", mergeOperator: "int64-add" }] };
    const first = await open(path, options);
    put(first, first.columnFamily("a").id, "k", "v");
    await first.flush([first.columnFamily("a").id]);
    await first.close();
    const second = await open(path, options);
    expect(second.columnFamilies().map(({ id, name }) => `${id} ${name}`)).toEqual(["0 default", "1 a", "2 sum"]);
    const reordered = [{ name: "sum", mergeOperator: "int64-add" }, { name: "default" }, { name: "a" }] as const;
    await second.close();
    const third = await open(path, { columnFamilies: reordered });
    expect(third.columnFamily("default").id).toBe(0);
    expect(read(third, third.columnFamily("a").id, "k")).toBe("v");
  });

  test("loses unflushed writes at close without a write-ahead log, keeps them with it or with flushOnClose", async () => {
    const cases = [
      [{}, undefined],
      [{ writeAheadLog: true }, "v"],
      [{ flushOnClose: true }, "v"],
    ] as const;
    for (const [options, expected] of cases) {
      const path = temporaryDirectory();
      const first = await open(path, options);
      put(first, 0, "k", "v");
      await first.close();
      expect(read(await open(path, options), 0, "k")).toBe(expected);
    }
  });

  test("refuses a directory that is open", async () => {
    const path = temporaryDirectory();
    const first = await open(path);
    const error = await failure(() => open(path));
    expect(error.code).toBe("DIRECTORY_IN_USE");
    expect(Database.isInUse(path)).toBe(true);
    await first.close();
    expect(Database.isInUse(path)).toBe(false);
    await (await open(path)).close();
    expect(Database.isInUse(temporaryDirectory())).toBe(false);
  });

  test("names a column family that was not listed", async () => {
    const path = temporaryDirectory();
    await (await open(path, { columnFamilies: [{ name: "forgotten" }] })).close();
    const error = await failure(() => open(path));
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toContain('"forgotten"');
  });

  test.each<[string, object]>([
    ["unknown name", { writeBuffer: 1 }],
    ["wrong type", { writeBufferSizeBytes: "64" }],
    ["too small", { writeBufferSizeBytes: 1 }],
    ["fraction", { blockSizeBytes: 4096.5 }],
    ["negative", { blockCacheBytes: -1 }],
    ["not a number", { blockCacheBytes: Number.NaN }],
    ["too many jobs", { maxBackgroundJobs: 1000 }],
    ["unknown compression", { compression: "snappy" }],
    ["unknown style", { compactionStyle: "fifo" }],
    ["families not a list", { columnFamilies: "a" }],
    ["family without name", { columnFamilies: [{}] }],
    ["family with empty name", { columnFamilies: [{ name: "" }] }],
    ["family null", { columnFamilies: [null] }],
    ["family twice", { columnFamilies: [{ name: "a" }, { name: "a" }] }],
    ["unknown merge operator", { columnFamilies: [{ name: "a", mergeOperator: "max" }] }],
    ["NUL in a name", { columnFamilies: [{ name: "a\0b" }] }],
  ])("refuses options: %s", async (_name, options) => {
    expect((await failure(() => open(temporaryDirectory(), options as OpenOptions))).code).toBe("INVALID_ARGUMENT");
  });

  test("refuses bad paths", async () => {
    expect((await failure(() => open(""))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => open("a\0b"))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => open(5 as unknown as string))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => open("/dev/null/x"))).code).toBe("IO");
    const missing = await failure(() => open(join(temporaryDirectory(), "no"), { createIfMissing: false }));
    expect(missing.code).toBe("INVALID_ARGUMENT");
    const path = temporaryDirectory();
    await (await open(path)).close();
    expect((await failure(() => open(path, { errorIfExists: true }))).code).toBe("INVALID_ARGUMENT");
  });

  test("refuses every call after close, and closes what was open", async () => {
    const database = await open(temporaryDirectory());
    put(database, 0, "a", "1");
    const iterator = database.iterator(0);
    const snapshot = database.takeSnapshot();
    const flushed = database.flush([0]);
    const closed = database.close();
    expect(database.close()).toBe(closed);
    expect(() => database.get(0, bytes("a"))).toThrow("closed");
    await flushed;
    await closed;
    const actions = [
      () => database.get(0, bytes("a")),
      () => database.write(new WriteBatch()),
      () => database.iterator(0),
      () => iterator.next(),
      () => iterator.seek(bytes("a")),
      () => database.flush([0]),
      () => database.liveFiles(0),
      () => database.takeSnapshot(),
      () => database.latestSequenceNumber(),
      () => database.importFiles("x", "none", "", []),
      () => database.compactRange(0),
      () => database.takeFlushOutputs(),
    ];
    for (const action of actions) expect((await failure(action)).code, action.toString()).toBe("DISPOSED");
    iterator.close();
    snapshot.release();
  });
});

describe("reading and writing", () => {
  test("values of 0 bytes and of 16 MiB, an empty key and all byte values", async () => {
    const database = await open(temporaryDirectory(), { writeBufferSizeBytes: 64 * 1024 * 1024 });
    const large = new Uint8Array(16 * 1024 * 1024).map((_, index) => index * 31);
    const every = new Uint8Array(256).map((_, index) => index);
    const batch = new WriteBatch();
    batch.put(0, bytes("empty"), new Uint8Array(0));
    batch.put(0, new Uint8Array(0), bytes("value of the empty key"));
    batch.put(0, every, every);
    batch.put(0, bytes("large"), large);
    expect(database.write(batch)).toBe(4);
    for (const flushed of [false, true]) {
      if (flushed) await database.flush([0]);
      expect(database.get(0, bytes("empty"))).toBe(0);
      expect(read(database, 0, "")).toBe("value of the empty key");
      expect(database.getValue(0, every)).toEqual(every);
      expect(Buffer.compare(database.getValue(0, bytes("large")) ?? every, large)).toBe(0);
      expect(database.get(0, bytes("absent"))).toBe(-1);
      const iterator = database.iterator(0, { lower: bytes("large") });
      expect(iterator.next()).toBe(true);
      expect(Buffer.compare(iterator.value(), large)).toBe(0);
      const lengths = [...database.iterator(0)].map(({ value }) => value.length);
      expect(lengths.sort((a, b) => a - b)).toEqual([0, 22, 256, large.length]);
    }
  });

  test("takes keys and values as ranges of arrays", async () => {
    const database = await open(temporaryDirectory());
    const batch = new WriteBatch();
    batch.put(0, bytes("..key.."), bytes("[value]"), 2, 5, 1, 6);
    batch.put(0, bytes("other"), bytes("x"));
    batch.delete(0, bytes("<other>"), 1, 6);
    database.write(batch);
    expect(contents(database, 0)).toEqual(new Map([["key", "value"]]));
    expect(database.get(0, bytes("a key b"), 2, 5)).toBe(5);
    for (const [start, end] of [[-1, 2], [3, 2], [0, 8], [0.5, 2], [Number.NaN, 2]] as const) {
      expect((await failure(() => database.get(0, bytes("abcdefg"), start, end))).code).toBe("INVALID_ARGUMENT");
      expect((await failure(() => batch.put(0, bytes("abcdefg"), bytes("v"), start, end))).code).toBe("INVALID_ARGUMENT");
    }
    expect((await failure(() => database.get(0, "abc" as unknown as Uint8Array))).code).toBe("INVALID_ARGUMENT");
  });

  test("multiGet fills ranges, grows the output and marks absent keys", async () => {
    const database = await open(temporaryDirectory());
    const batch = new WriteBatch();
    for (let index = 0; index < 500; index += 2) batch.put(0, bytes(`key${index}`), bytes("v".repeat(index)));
    database.write(batch);
    const keys = new KeyList();
    const ranges = new Int32Array(1000);
    for (const round of [500, 3]) {
      keys.clear();
      for (let index = 0; index < round; index++) keys.add(bytes(`key${index}`));
      database.multiGet(0, keys, ranges);
      for (let index = 0; index < round; index++) {
        const [start, end] = [ranges[2 * index], ranges[2 * index + 1]];
        if (index % 2 === 1) expect([start, end]).toEqual([-1, -1]);
        else expect(text(database.output.subarray(start, end))).toBe("v".repeat(index));
      }
    }
    expect((await failure(() => database.multiGet(0, keys, new Int32Array(5)))).code).toBe("INVALID_ARGUMENT");
  });

  test("snapshots hide later writes from get, multiGet and iterators, and belong to one database", async () => {
    const database = await open(temporaryDirectory());
    put(database, 0, "k", "old");
    const snapshot = database.takeSnapshot();
    put(database, 0, "k", "new");
    put(database, 0, "l", "later");
    expect(text(database.getValue(0, bytes("k"), snapshot))).toBe("old");
    expect(read(database, 0, "k")).toBe("new");
    const iterator = database.iterator(0, { snapshot });
    const keys = new KeyList();
    keys.add(bytes("l"));
    const ranges = new Int32Array(2);
    database.multiGet(0, keys, ranges, snapshot);
    expect(ranges[0]).toBe(-1);
    snapshot.release();
    snapshot.release();
    await database.compactRange(0);
    expect([...iterator].map(({ value }) => text(value))).toEqual(["old"]);
    expect((await failure(() => database.getValue(0, bytes("k"), snapshot))).code).toBe("DISPOSED");
    const other = await open(temporaryDirectory());
    expect((await failure(() => other.iterator(0, { snapshot: database.takeSnapshot() }))).code).toBe("INVALID_ARGUMENT");
  });

  test("iterators keep their view while writes, flushes and drops go on, and respect bounds both ways", async () => {
    const database = await open(temporaryDirectory(), { columnFamilies: [{ name: "a" }] });
    const family = database.columnFamily("a").id;
    for (const key of ["a", "b", "c", "d", "e"]) put(database, family, key, key);
    const range = { lower: bytes("b"), upper: bytes("e") };
    const forward = database.iterator(family, range);
    const backward = database.iterator(family, { ...range, reverse: true });
    put(database, family, "bb", "new");
    await database.flush([family]);
    const sought = database.iterator(family, range);
    sought.seek(bytes("bb"));
    expect([...sought].map(({ key }) => text(key))).toEqual(["bb", "c", "d"]);
    await database.dropColumnFamily(family);
    expect([...forward].map(({ key }) => text(key))).toEqual(["b", "c", "d"]);
    expect([...backward].map(({ key }) => text(key))).toEqual(["d", "c", "b"]);
    expect((await failure(() => database.get(family, bytes("a")))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => forward.next())).code).toBe("DISPOSED");
    const again = await database.createColumnFamily("a");
    expect(again).not.toBe(family);
    expect(contents(database, again).size).toBe(0);
  });

  test("a reverse seek starts at or before the key", async () => {
    const database = await open(temporaryDirectory());
    for (const key of ["a", "c", "e"]) put(database, 0, key, key);
    const iterator = database.iterator(0, { reverse: true });
    iterator.seek(bytes("d"));
    expect(iterator.next()).toBe(true);
    expect(text(iterator.key())).toBe("c");
    iterator.seek(bytes("0"));
    expect(iterator.next()).toBe(false);
    iterator.seek(bytes("e"));
    expect(iterator.next() && text(iterator.value())).toBe("e");
  });
});

describe("administration", () => {
  test("properties, options and compaction", async () => {
    const database = await open(temporaryDirectory());
    put(database, 0, "a", "1");
    await database.flush([0]);
    expect(database.property(0, "rocksdb.num-files-at-level0")).toBe("1");
    expect(database.property(0, "rocksdb.no-such-thing")).toBeUndefined();
    await database.setOptions(0, { level0_slowdown_writes_trigger: "20" });
    expect((await failure(() => database.setOptions(0, { no_such_option: "1" }))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => database.setOptions(0, {}))).code).toBe("INVALID_ARGUMENT");
    await database.compactRange(0);
    expect(database.property(0, "rocksdb.num-files-at-level0")).toBe("0");
    expect((await failure(() => database.dropColumnFamily(0))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => database.createColumnFamily("default"))).code).toBe("INVALID_ARGUMENT");
    await database.resume();
  });

  test("a synced write needs the write-ahead log", async () => {
    const batch = new WriteBatch();
    batch.put(0, bytes("k"), bytes("v"));
    const without = await open(temporaryDirectory());
    expect((await failure(() => without.write(batch, true))).code).toBe("INVALID_ARGUMENT");
    const database = await Database.open(temporaryDirectory(), { writeAheadLog: true });
    expect(database.write(batch, true)).toBe(1);
    await database.close();
  });
});

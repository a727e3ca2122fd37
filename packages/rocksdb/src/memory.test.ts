import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import { bytes, failure, open, put, read, temporaryDirectory } from "./fixtures.test.support.js";
import { SharedCache } from "./shared-cache.js";
import { WriteBatch } from "./write-batch.js";

async function fill(database: Database, count = 5000): Promise<void> {
  const batch = new WriteBatch();
  for (let index = 0; index < count; index++) batch.put(0, bytes(`key${index}`), bytes("v".repeat(100)));
  database.write(batch);
  await database.flush([0]);
}

function readAll(database: Database, count = 5000): void {
  for (let index = 0; index < count; index++) expect(database.get(0, bytes(`key${index}`))).toBe(100);
}

describe("SharedCache", () => {
  test("is filled by all databases that use it and outlives its close() in them", async () => {
    const cache = SharedCache.create(8 << 20);
    const first = await open(temporaryDirectory(), { blockCache: cache, blockCacheBytes: 1 });
    const second = await open(temporaryDirectory(), { blockCache: cache });
    await fill(first);
    await fill(second);
    readAll(first);
    const afterOne = cache.usage().usedBytes;
    readAll(second);
    const usage = cache.usage();
    expect(afterOne).toBeGreaterThan(300_000);
    expect(usage.usedBytes).toBeGreaterThan(afterOne * 1.8);
    expect(usage.capacityBytes).toBe(8 << 20);
    expect(first.memoryUsage().blockCache).toBe(usage.usedBytes);
    expect(SharedCache.of(cache.id).usage()).toEqual(usage);
    cache.setCapacity(100_000);
    expect(cache.usage().usedBytes).toBeLessThan(200_000);
    await first.close();
    cache.close();
    cache.close();
    for (const call of [() => cache.usage(), () => cache.setCapacity(1), () => SharedCache.of(cache.id)]) {
      expect((await failure(call)).code).toBe("DISPOSED");
    }
    expect((await failure(() => open(temporaryDirectory(), { blockCache: cache }))).code).toBe("DISPOSED");
    readAll(second);
    expect(second.memoryUsage().blockCache).toBeGreaterThan(0);
  });

  test("bad arguments are refused", async () => {
    for (const capacity of [0, -1, 0.5, 2 ** 41, "1" as unknown as number]) {
      expect((await failure(() => SharedCache.create(capacity))).code).toBe("INVALID_ARGUMENT");
    }
    expect((await failure(() => open(temporaryDirectory(), { blockCache: {} as SharedCache }))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => SharedCache.of(4_000_000_000))).code).toBe("DISPOSED");
  });

  test("a worker's databases use it too", async () => {
    const cache = SharedCache.create(8 << 20);
    const addon =
      process.env["TIDEMARK_ROCKSDB_BINDING"] ??
      fileURLToPath(new URL(`../prebuilds/${process.platform}-${process.arch}/tidemark_rocksdb.node`, import.meta.url));
    const source = `const native = require(${JSON.stringify(addon)});
      require("node:worker_threads").parentPort.postMessage(native.sharedCacheUsage(${cache.id}).capacityBytes);`;
    const worker = new Worker(source, { eval: true });
    expect((await once(worker, "message"))[0]).toBe(8 << 20);
    await worker.terminate();
    cache.close();
  });
});

describe("a full block cache", () => {
  test("keeps blocks that are read again, while others are read once", async () => {
    const database = await open(temporaryDirectory(), { blockCacheBytes: 1 << 20, statistics: true });
    await fill(database, 40_000);
    const counted = (name: string): number => database.statistics()[`rocksdb.block.cache.data.${name}`] ?? 0;
    const hitsOf = (read: () => void): number => {
      const before = counted("hit");
      read();
      return counted("hit") - before;
    };
    // In the order of the stored keys each is in another block.
    const keys = Array.from({ length: 40_000 }, (_, index) => `key${index}`).sort();
    const readBlocks = (first: number): void => {
      for (let index = first; index < keys.length; index += 60) expect(database.get(0, bytes(keys[index] as string))).toBe(100);
    };
    readBlocks(30);
    const often = bytes(keys[5] as string);
    database.get(0, often);
    database.get(0, often);
    expect(hitsOf(() => database.get(0, often))).toBe(1);
    readBlocks(15);
    expect(hitsOf(() => database.get(0, often))).toBe(1);
    expect(database.memoryUsage().blockCache).toBeGreaterThan(0.8 * (1 << 20));
    expect(database.memoryUsage().blockCache).toBeLessThan(1.1 * (1 << 20));
    expect(database.memoryUsage().blockCachePinned).toBeLessThan(10_000);
  });
});

describe("filters", () => {
  test("have fewer bits in the last level, and only there, when they are asked for", async () => {
    const sizes = async (lastLevelBloomPercent: number): Promise<{ flushed: number; compacted: number }> => {
      const database = await open(temporaryDirectory(), { lastLevelBloomPercent, statistics: true });
      await fill(database, 20_000);
      const size = (): number => database.liveFiles(0).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const flushed = size();
      await database.compactRange(0);
      readAll(database, 100);
      const absent = Array.from({ length: 1000 }, (_, index) => database.get(0, bytes(`key1${index}x`)));
      expect(Math.max(...absent)).toBe(-1);
      expect(database.statistics()["rocksdb.bloom.filter.useful"] ?? 0).toBeGreaterThan(lastLevelBloomPercent === 0 ? -1 : 400);
      return { flushed, compacted: size() };
    };
    const [all, half, none] = [await sizes(100), await sizes(50), await sizes(0)];
    // Ten bits a key are 25,000 bytes.
    expect(all.compacted - half.compacted).toBeGreaterThan(10_000);
    expect(half.compacted - none.compacted).toBeGreaterThan(10_000);
    expect(Math.max(all.flushed, half.flushed, none.flushed) - Math.min(all.flushed, half.flushed, none.flushed)).toBeLessThan(1_000);
  });
});

describe("where index and filters are counted", () => {
  const usageOf = async (options: Parameters<typeof open>[1]) => {
    const database = await open(temporaryDirectory(), options);
    await fill(database, 20_000);
    readAll(database, 100);
    return database.memoryUsage();
  };

  test("outside of the cache by default, inside of it when charged or cached", async () => {
    const outside = await usageOf({});
    const charged = await usageOf({ chargeTableReaders: true });
    const cached = await usageOf({ cacheIndexAndFilterBlocks: true, partitionedIndex: true });
    expect(outside.tableReaders).toBeGreaterThan(25_000);
    expect(outside.memtables).toBeGreaterThan(0);
    expect(charged.blockCachePinned).toBeGreaterThan(outside.tableReaders * 0.8);
    expect(outside.blockCachePinned).toBeLessThan(10_000);
    expect(cached.tableReaders).toBeLessThan(outside.tableReaders / 4);
    expect(cached.blockCache).toBeGreaterThan(0);
  });

  test("memtables count against the cache when they are charged, also one that databases share", async () => {
    const cache = SharedCache.create(8 << 20);
    const write = async (charge: boolean): Promise<Database> => {
      const database = await open(temporaryDirectory(), { blockCache: cache, chargeMemtables: charge });
      for (let index = 0; index < 20_000; index++) put(database, 0, `key${index}`, "v".repeat(100));
      return database;
    };
    const beside = await write(false);
    expect(beside.memoryUsage().memtables).toBeGreaterThan(2_000_000);
    expect(cache.usage().usedBytes).toBeLessThan(100_000);
    const first = await write(true);
    const afterOne = cache.usage().pinnedBytes;
    expect(afterOne).toBeGreaterThan(first.memoryUsage().memtables * 0.9);
    const second = await write(true);
    expect(cache.usage().pinnedBytes).toBeGreaterThan(afterOne + second.memoryUsage().memtables * 0.9);
    await first.close();
    await second.close();
    expect(cache.usage().pinnedBytes).toBeLessThan(afterOne / 2);
    cache.close();
  });

  test("a charge without a cache is refused", async () => {
    for (const option of ["chargeTableReaders", "cacheIndexAndFilterBlocks", "chargeMemtables"]) {
      expect((await failure(() => open(temporaryDirectory(), { blockCacheBytes: 0, [option]: true }))).code).toBe("INVALID_ARGUMENT");
    }
  });
});

describe("statistics", () => {
  test("count under RocksDB's names, and need their option", async () => {
    const without = await open(temporaryDirectory());
    expect(await failure(() => without.statistics())).toMatchObject({
      code: "INVALID_ARGUMENT", message: expect.stringContaining("statistics: true"),
    });
    const database = await open(temporaryDirectory(), { statistics: true });
    await fill(database, 1000);
    const before = database.statistics();
    readAll(database, 1000);
    database.get(0, bytes("absent"));
    const after = database.statistics();
    expect(after["rocksdb.number.keys.written"]).toBe(1000);
    expect((after["rocksdb.number.keys.read"] ?? 0) - (before["rocksdb.number.keys.read"] ?? 0)).toBe(1001);
    expect(after["rocksdb.block.cache.data.hit"]).toBeGreaterThan(900);
    expect(after["rocksdb.bloom.filter.useful"]).toBe(1);
    expect(after["rocksdb.flush.write.bytes"]).toBeGreaterThan(100_000);
  });
});

describe("RocksDB's own options", () => {
  test("are applied over the others, and nothing else changes", async () => {
    const database = await open(temporaryDirectory(), {
      columnFamilies: [{ name: "l", mergeOperator: "list-append" }],
      columnFamilyOptions: { write_buffer_size: "1M", block_based_table_factory: "{block_size=16384}" },
      databaseOptions: { bytes_per_sync: "0" },
    });
    const batch = new WriteBatch();
    for (let index = 0; index < 12_000; index++) batch.put(0, bytes(`key${index}`), bytes("v".repeat(100)));
    database.write(batch);
    put(database, 0, "one", "more");
    // The batch was larger than the memtable, so the write after it switched to another.
    expect(Number(database.property(0, "rocksdb.num-immutable-mem-table")) + database.liveFiles(0).length).toBeGreaterThan(0);
    await database.flush([0]);
    expect(database.takeFlushOutputs()[0]?.checksum).toMatch(/^[0-9a-f]{8}$/);
    const merge = new WriteBatch();
    merge.merge(1, bytes("k"), bytes("a"));
    merge.merge(1, bytes("k"), bytes("b"));
    database.write(merge);
    expect(read(database, 1, "k")).toBe("ab");
    expect(database.memoryUsage().blockCache).toBeGreaterThan(0);
  });

  test("an unknown name, a wrong value or one of the binding's own is named", async () => {
    for (const kind of ["columnFamilyOptions", "databaseOptions"]) {
      for (const [name, value] of Object.entries({ no_such_option: "1", merge_operator: "x", listeners: "x", write_buffer_size: "many" })) {
        const error = await failure(() => open(temporaryDirectory(), { [kind]: { [name]: value } }));
        expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(`${kind}.${name}`) });
      }
      for (const wrong of [1, "a=b", [], null, { a: 1 }]) {
        const error = await failure(() => open(temporaryDirectory(), { [kind]: wrong }));
        expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(kind) });
      }
    }
  });
});

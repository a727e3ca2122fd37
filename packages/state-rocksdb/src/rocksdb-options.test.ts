import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { int64, isStateError, string, valueState } from "@tidemark/core/state";
import { BackendHarness } from "@tidemark/core/testing";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";

import { memoryParts } from "./memory-split.js";
import { rocksdbBackend, type RocksDBBackendOptions, type RocksDBPreset } from "./index.js";

type Given = Omit<RocksDBBackendOptions, "directory">;

const harnesses: BackendHarness<string>[] = [];
afterEach(async () => {
  for (const harness of harnesses.splice(0)) await harness.dispose();
});

async function opened(options: Given): Promise<BackendHarness<string>> {
  const harness = await BackendHarness.create((directory) => rocksdbBackend({ directory, ...options }), { keySerializer: string() });
  harnesses.push(harness);
  await harness.open();
  return harness;
}

/** What RocksDB itself wrote down about its options; of several lines of a name the last, which is the state's column family. */
async function storedOptions(options: Given): Promise<(name: string) => string | undefined> {
  const harness = await opened(options);
  const files = readdirSync(join(harness.directory, "state"), { recursive: true, encoding: "utf8" });
  const file = files.filter((name) => /(^|\/)OPTIONS-\d+$/u.test(name)).sort().at(-1);
  const text = readFileSync(join(harness.directory, "state", file ?? "no OPTIONS file"), "utf8");
  return (name) => [...text.matchAll(new RegExp(`^ *${name}=(.*)$`, "gmu"))].at(-1)?.[1];
}

function failureOf(work: () => unknown): { readonly code: string; readonly message: string } {
  try {
    work();
  } catch (error) {
    if (isStateError(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const asked = (options: unknown): (() => unknown) => () => rocksdbBackend(options as RocksDBBackendOptions);

describe("options reach RocksDB", () => {
  test("the defaults", async () => {
    const stored = await storedOptions({ memoryBudgetBytes: 100_000_000 });
    expect(stored("format_version")).toBe("5");
    expect(stored("block_size")).toBe("4096");
    expect(stored("filter_policy")).toMatch(/bloomfilter:10/u);
    expect(stored("compression")).toBe("kNoCompression");
    expect(stored("compaction_style")).toBe("kCompactionStyleLevel");
    expect(stored("target_file_size_base")).toBe(String(16 * 2 ** 20));
    expect(stored("index_type")).toBe("kTwoLevelIndexSearch");
    expect(stored("partition_filters")).toBe("true");
    expect(stored("index_block_restart_interval")).toBe("16");
    expect(stored("cache_index_and_filter_blocks")).toBe("true");
    expect(stored("max_background_jobs")).toBe("2");
  });

  test("each of its own, and RocksDB's under their names without losing ours", async () => {
    const stored = await storedOptions({
      database: {
        blockCacheBytes: 9_000_000, blockSizeBytes: 8192, bloomBitsPerKey: 7, compactionStyle: "universal", compression: "zstd",
        maxBackgroundJobs: 3, indexAndFilters: "outside",
        columnFamilyOptions: { max_bytes_for_level_base: "33554432" },
        databaseOptions: { max_open_files: "321" },
      },
    });
    expect(stored("block_size")).toBe("8192");
    expect(stored("filter_policy")).toMatch(/bloomfilter:7/u);
    expect(stored("compression")).toBe("kZSTD");
    expect(stored("compaction_style")).toBe("kCompactionStyleUniversal");
    expect(stored("max_bytes_for_level_base")).toBe("33554432");
    expect(stored("target_file_size_base")).toBe(String(16 * 2 ** 20));
    expect(stored("max_open_files")).toBe("321");
    expect(stored("max_background_jobs")).toBe("3");
    expect(stored("cache_index_and_filter_blocks")).toBe("false");
    expect(stored("index_type")).toBe("kBinarySearch");
  });

  test("an option of RocksDB's own that it does not know, or that is ours, is a wrong configuration", async () => {
    for (const database of [
      { columnFamilyOptions: { no_such_option: "1" } },
      { databaseOptions: { max_open_files: "many" } },
      { columnFamilyOptions: { merge_operator: "x" } },
    ]) {
      const name = Object.keys(Object.values(database)[0] ?? {})[0] as string;
      await expect(opened({ database })).rejects.toMatchObject({
        code: "INVALID_CONFIGURATION", message: expect.stringContaining(name) as string,
      });
    }
  });
});

describe("presets", () => {
  test("low-memory and fast-disk, each as documented", async () => {
    const low = await storedOptions({ preset: "low-memory" });
    expect([low("block_size"), low("compression"), low("max_background_jobs")]).toEqual(["16384", "kLZ4Compression", "1"]);
    const fast = await storedOptions({ preset: "fast-disk" });
    expect([fast("block_size"), fast("compression"), fast("max_background_jobs")]).toEqual(["4096", "kNoCompression", "4"]);
  });

  test("what is said besides wins, and undefined says nothing", async () => {
    const stored = await storedOptions({
      preset: "low-memory", database: { compression: "none", blockSizeBytes: undefined } as unknown as NonNullable<Given["database"]>,
    });
    expect([stored("block_size"), stored("compression"), stored("max_background_jobs")]).toEqual(["16384", "kNoCompression", "1"]);
  });

  test("another name", () => {
    for (const preset of ["fast", "", "toString", "__proto__", 1, null, {}, ["fast-disk"]]) {
      const { code, message } = failureOf(asked({ directory: "d", preset }));
      expect([code, message], String(preset)).toEqual(["INVALID_CONFIGURATION", expect.stringContaining('"fast-disk", "low-memory"')]);
    }
  });

  test("types", () => {
    expectTypeOf<RocksDBPreset>().toEqualTypeOf<"fast-disk" | "low-memory">();
    expectTypeOf<RocksDBBackendOptions["preset"]>().toEqualTypeOf<RocksDBPreset | undefined>();
    // @ts-expect-error There is no such preset.
    expect(asked({ directory: "d", preset: "slow-disk" } satisfies RocksDBBackendOptions)).toThrow("preset");
    // @ts-expect-error There is no such option.
    expect(asked({ directory: "d", database: { cacheBytes: 1 } } satisfies RocksDBBackendOptions)).toThrow("cacheBytes");
    // @ts-expect-error RocksDB's own options are texts.
    const options = { directory: "d", database: { databaseOptions: { max_open_files: 1 } } } satisfies RocksDBBackendOptions;
    expect(asked(options)).toThrow("databaseOptions");
  });
});

test("hostile values are refused before anything is opened, by name", () => {
  const wrong: [string, unknown][] = [
    ["blockCacheBytes", -1], ["blockCacheBytes", 1.5], ["blockCacheBytes", "1"], ["blockCacheBytes", 2 ** 50],
    ["blockCacheBytes", Number.NaN], ["blockSizeBytes", 255], ["blockSizeBytes", 2 ** 25], ["blockSizeBytes", null],
    ["bloomBitsPerKey", 65], ["bloomBitsPerKey", -0.1],
    ["bloomBitsPerKey", "10"], ["compactionStyle", "fifo"], ["compression", "gzip"], ["compression", ["none"]],
    ["maxBackgroundJobs", 0], ["maxBackgroundJobs", Infinity], ["indexAndFilters", "inside"], ["indexAndFilters", true],
    ["statistics", 1], ["columnFamilyOptions", []], ["columnFamilyOptions", { a: 1 }],
    ["databaseOptions", "a=1"], ["databaseOptions", null],
    ["noSuchOption", 1], ["createIfMissing", false],
    ["errorIfExists", false], ["toString", 1],
  ];
  for (const [name, value] of wrong) {
    const { code, message } = failureOf(asked({ directory: "d", database: { [name]: value } }));
    expect([code, message], `${name} ${String(value)}`).toEqual(["INVALID_CONFIGURATION", expect.stringContaining(`database.${name}`)]);
  }
  for (const database of [null, 1, "x", [], true]) {
    expect(failureOf(asked({ directory: "d", database })).code).toBe("INVALID_CONFIGURATION");
  }
  for (const options of [undefined, null, 1, "directory"]) expect(failureOf(asked(options)).code).toBe("INVALID_CONFIGURATION");
  for (const memoryBudgetBytes of [0, 4 * 2 ** 20 - 1, Number.NaN, 2 ** 41, Infinity, "1GiB"]) {
    expect(failureOf(asked({ directory: "d", memoryBudgetBytes })).message).toContain("memoryBudgetBytes");
  }
  const none = failureOf(asked({ directory: "d", database: { blockCacheBytes: 0 } }));
  expect(none.message).toContain('"outside"');
  rocksdbBackend({ directory: "d", database: { blockCacheBytes: 0, indexAndFilters: "outside" } });
});

const value = valueState("value", string());
const count = valueState("count", int64());

describe("the budget", () => {
  test("its parts add up", () => {
    expect(Object.values(memoryParts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(1, 12);
  });

  /** A state of many times the budget, read and written at random places; the most bytes that were charged. */
  async function charged(options: Given, budgetBytes: number): Promise<Record<string, number>> {
    const { state } = await opened({ memoryBudgetBytes: budgetBytes, ...options });
    const text = "v".repeat(100);
    const most: Record<string, number> = {};
    const look = (): void => {
      const metrics = state.metrics?.() ?? {};
      const { tableBytes = 0, layerCopyBytes = 0, blockCacheBytes = 0, tableReadersBytes = 0 } = metrics;
      const sums = { ...metrics, chargedBytes: tableBytes + layerCopyBytes + blockCacheBytes };
      for (const [name, bytes] of Object.entries({ ...sums, tableReadersBytes })) most[name] = Math.max(most[name] ?? 0, bytes);
    };
    const keys = 120_000;
    for (let step = 0; step < 2 * keys; step += 1) {
      const key = step < keys ? step : (step * 7919) % keys;
      state.setCurrentKey(`key-${key}`);
      if (step < keys || step % 2 === 0) state.getState(value).update(text);
      else expect(state.getState(value).value()).toBe(text);
      if (step % 2_000 === 0) {
        look();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    look();
    return most;
  }

  test("holds with a state of many times as much", async () => {
    const budgetBytes = 4 * 2 ** 20;
    const most = await charged({}, budgetBytes);
    expect(most["tableFilesBytes"]).toBeGreaterThan(3 * budgetBytes);
    expect(most["tableBytes"]).toBeGreaterThan(0.4 * budgetBytes);
    // RocksDB counts what the cache's own bookkeeping takes too, and blocks in use may exceed it.
    expect(most["blockCacheBytes"]).toBeLessThan(1.1 * memoryParts.blockCache * budgetBytes);
    expect(most["blockCacheBytes"]).toBeGreaterThan(0.5 * memoryParts.blockCache * budgetBytes);
    // The copy of a layer comes in pieces of 1 MiB.
    expect(most["chargedBytes"]).toBeLessThan(budgetBytes + 2 ** 20);
    // Next to nothing of index and filters is outside of the cache.
    expect(most["tableReadersBytes"]).toBeLessThan(0.05 * budgetBytes);
    const outside = await charged({ database: { indexAndFilters: "outside" } }, budgetBytes);
    expect(outside["tableReadersBytes"]).toBeGreaterThan(0.04 * budgetBytes);
    expect(outside["tableReadersBytes"]).toBeGreaterThan(2 * (most["tableReadersBytes"] ?? 0));
  }, 60_000);
});

describe("metrics", () => {
  test("move with what happens, and are gone after close()", async () => {
    const harness = await opened({ memoryBudgetBytes: 4 * 2 ** 20 });
    const { state } = harness;
    const before = state.metrics?.() ?? {};
    expect(Object.values(before).every((figure) => Number.isFinite(figure) && figure >= 0)).toBe(true);
    for (let key = 0; key < 100_000; key += 1) {
      state.setCurrentKey(`key-${key}`);
      state.getState(count).update(key);
      if (key % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await harness.checkpoint();
    for (let key = 0; key < 20_000; key += 1) {
      state.setCurrentKey(`key-${key}`);
      expect(state.getState(count).value()).toBe(key);
    }
    const after = state.metrics?.() ?? {};
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    const moved = Object.keys(after).filter((name) => (after[name] ?? 0) > (before[name] ?? 0));
    expect(moved).toEqual(
      expect.arrayContaining([
        "tableMisses", "tableEvictions", "tableSpills", "tableEntries", "blockCacheBytes", "blockCacheHits",
        "blockCacheMisses", "indexAndFilterMisses", "tableFilesBytes", "liveDataBytes",
      ]),
    );
    // So small a table has one piece of memory from the start, and the word in which drains tell their progress.
    expect(after["tableBytes"]).toBe(2 * 2 ** 20 + 4);
    expect((after["levelZeroFiles"] ?? 0) + (after["compactionWrittenBytes"] ?? 0)).toBeGreaterThan(0);
    await state.close();
    expect(state.metrics?.()).toEqual({});
  });

  test("counts of RocksDB's are 0 without statistics", async () => {
    const { state } = await opened({ database: { statistics: false } });
    state.setCurrentKey("a");
    state.getState(count).update(1);
    expect(state.metrics?.()).toMatchObject({ blockCacheHits: 0, blockCacheMisses: 0, tableEntries: 1 });
  });
});

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import type { DrainRequest } from "./drain.js";
import { contents, failure, open, put, read, temporaryDirectory } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { TestTable } from "./segments.test.support.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true };
const FAMILY = 1;

function oneValue(key: string, value: string, layer = 1): TestTable {
  const table = new TestTable();
  table.add(key, { kind: "value", layer, value });
  return table;
}

describe("drain", () => {
  test("values, tombstones, lists and large entries of one layer arrive in the database, others do not", async () => {
    const database = await open(temporaryDirectory(), LIST);
    for (const key of ["gone", "list", "replaced"]) put(database, FAMILY, key, "old;");
    const table = new TestTable({ spare: 3 });
    const base = { bytes: "x;", isBase: true };
    table.add("b", { kind: "value", layer: 7, value: "2" });
    table.add("a", { kind: "value", layer: 7, value: "" });
    table.add("clean", { kind: "value", layer: 6, value: "6" });
    table.add("gone", { kind: "tombstone", layer: 7 });
    const tail = [{ layer: 7, bytes: "x;" }, { layer: 7, bytes: "y;" }];
    table.add("list", { kind: "list", layer: 7, pieces: [{ layer: 6, bytes: "no;" }, ...tail] });
    table.add("replaced", { kind: "list", layer: 7, pieces: [{ layer: 7, ...base }, { layer: 7, bytes: "y;" }] });
    table.add("old base", { kind: "list", layer: 7, pieces: [{ layer: 6, ...base }, { layer: 7, bytes: "y;" }] });
    table.add("clean list", { kind: "list", layer: 7, pieces: [{ layer: 6, bytes: "no;" }] });
    table.add("large", { kind: "value", layer: 7, value: "L".repeat(5000) });
    table.add("large and clean", { kind: "value", layer: 6, value: "L".repeat(5000) });
    table.add("large list", { kind: "list", layer: 7, pieces: [{ layer: 7, bytes: "M".repeat(5000) }] });
    const directory = temporaryDirectory();
    const promise = database.drain(FAMILY, table.request(7, directory, "t"));
    expect(database.isDraining()).toBe(true);
    expect(database.waitForDrain()).toBe(true);
    expect(database.isDraining()).toBe(false);
    // Readable before the promise has settled.
    expect([...contents(database, FAMILY)]).toEqual([
      ["a", ""], ["b", "2"], ["large", "L".repeat(5000)], ["large list", "M".repeat(5000)], ["list", "old;x;y;"], ["old base", "y;"],
      ["replaced", "x;y;"],
    ]);
    expect(await promise).toMatchObject([{ name: "t-0.sst", entryCount: 8, deletionCount: 1 }]);
    expect(readdirSync(directory)).toEqual(["t-0.sst"]);
  });

  test("a file is described as RocksDB describes it itself", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    for (const [index, kind] of (["value", "tombstone", "list"] as const).entries()) {
      const table = new TestTable();
      const entry = { layer: 3, value: "v", pieces: [{ layer: 3, bytes: "p" }] };
      table.add("k1", { ...entry, kind });
      table.add("k3", { ...entry, kind });
      const [file] = await database.drain(FAMILY, table.request(3, directory, `f${index}`));
      const live = database.liveFiles(FAMILY).find(({ uniqueId }) => uniqueId === file?.uniqueId);
      expect(file?.sequence).toBe(database.latestSequenceNumber());
      expect(live).toMatchObject({
        sizeBytes: file?.sizeBytes, checksum: file?.checksum, smallestSequence: file?.sequence, largestSequence: file?.sequence,
        smallestKey: "6b31", largestKey: "6b33", smallestInternalKey: file?.smallestInternalKey,
        largestInternalKey: file?.largestInternalKey, entryCount: 2, deletionCount: kind === "tombstone" ? 2 : 0,
      });
      // A hard link, not a copy.
      expect(statSync(join(directory, `f${index}-0.sst`)).nlink).toBe(2);
    }
    expect(contents(database, FAMILY)).toEqual(new Map([["k1", "p"], ["k3", "p"]]));
  });

  test("files end at their target size, and are added together", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const table = new TestTable({ segmentBytes: 16384, slots: 256 });
    for (let index = 0; index < 3000; index++) {
      table.add(`key${(index * 7919) % 3000}`, { kind: "value", layer: 1, value: `${index}`.padEnd(100, "x") });
    }
    const files = await database.drain(FAMILY, table.request(1, temporaryDirectory(), "f", 64 * 1024));
    expect(files.length).toBeGreaterThan(3);
    expect(files.map(({ name }) => name)).toEqual(files.map((_, index) => `f-${index}.sst`));
    expect(files.reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(3000);
    for (const [index, { largestKey }] of files.entries()) {
      const next = files[index + 1];
      if (next !== undefined) expect(largestKey < next.smallestKey).toBe(true);
    }
    expect(contents(database, FAMILY).size).toBe(3000);
  });

  test("nothing of the layer gives no file", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    expect(await database.drain(FAMILY, oneValue("k", "v").request(2, directory, "f"))).toEqual([]);
    expect(await database.drain(FAMILY, { ...oneValue("k", "v").request(1, directory, "f"), segmentCount: 0 })).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
    expect(database.waitForDrain()).toBe(true);
  });

  test("one can be waited for a while: undefined where it takes longer", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    const drains = Array.from({ length: 20 }, (_, index) =>
      database.drain(FAMILY, oneValue("k", `${index}`).request(1, directory, `f${index}`)));
    // Each is written and fsynced by another thread, so not all of them are done by now.
    expect(drains.map(() => database.waitForDrain(0))).toContain(undefined);
    await Promise.all(drains);
    expect(database.waitForDrain(0)).toBe(true);
    const last = database.drain(FAMILY, oneValue("k", "last").request(1, directory, "last"));
    expect(database.waitForDrain(60_000)).toBe(true);
    expect(read(database, FAMILY, "k")).toBe("last");
    await last;
    for (const ms of [-2, 0.5, Number.NaN]) expect((await failure(() => database.waitForDrain(ms))).code).toBe("INVALID_ARGUMENT");
  });

  test("several at once run one after another, each above the one before; close waits for them", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    const drains = ["1", "2", "3"].map((value) => database.drain(FAMILY, oneValue("k", value).request(1, directory, `f${value}`)));
    expect([database.waitForDrain(), database.waitForDrain(), database.waitForDrain()]).toEqual([true, true, true]);
    expect(read(database, FAMILY, "k")).toBe("3");
    const last = database.drain(FAMILY, oneValue("k", "4").request(1, directory, "f4"));
    const closed = database.close();
    const sequences = (await Promise.all([...drains, last])).map(([file]) => file?.sequence ?? 0);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(sequences).size).toBe(4);
    await closed;
    expect((await failure(() => database.drain(FAMILY, oneValue("k", "v").request(1, directory, "g")))).code).toBe("DISPOSED");
    expect((await failure(() => database.waitForDrain())).code).toBe("DISPOSED");
    expect((await failure(() => database.isDraining())).code).toBe("DISPOSED");
  });

  test("what is in the memtable lies below; what is written later above; a snapshot does not see it", async () => {
    const database = await open(temporaryDirectory(), LIST);
    put(database, FAMILY, "k", "1");
    const snapshot = database.takeSnapshot();
    await database.drain(FAMILY, oneValue("k", "2").request(1, temporaryDirectory(), "f"));
    expect(read(database, FAMILY, "k")).toBe("2");
    expect(Buffer.from(database.getValue(FAMILY, Buffer.from("k"), snapshot) ?? []).toString()).toBe("1");
    put(database, FAMILY, "k", "3");
    expect(read(database, FAMILY, "k")).toBe("3");
  });
});

describe("level 0", () => {
  const many = async (): Promise<[Database, string]> => {
    // Compactions take about half a second at this rate.
    const database = await open(temporaryDirectory(), { ...LIST, databaseOptions: { rate_limiter_bytes_per_sec: "5000" } });
    const directory = temporaryDirectory();
    for (let round = 0; round < 12; round++) {
      const table = new TestTable();
      for (const key of ["a", `k${round}`, "z"]) table.add(key, { kind: "value", layer: 1, value: "v".repeat(100) });
      await database.drain(FAMILY, table.request(1, directory, `f${round}`));
    }
    return [database, directory];
  };
  const count = (database: Database): number => Number(database.property(FAMILY, "rocksdb.num-files-at-level0"));

  test("rule 12: a drain waits while it has as many files as stop writes", async () => {
    const [database, directory] = await many();
    // The first one fitted into the last level.
    expect(count(database)).toBe(11);
    const limits = { level0_file_num_compaction_trigger: "4", level0_slowdown_writes_trigger: "4", level0_stop_writes_trigger: "4" };
    await database.setOptions(FAMILY, { ...limits, disable_auto_compactions: "false" });
    await database.drain(FAMILY, oneValue("k", "v").request(1, directory, "last"));
    expect(count(database)).toBeLessThanOrEqual(4);
    expect(contents(database, FAMILY).size).toBe(15);
  });

  test("close ends a drain that waits so, and none of it stays", async () => {
    const [database, directory] = await many();
    const before = readdirSync(directory).length;
    const limits = { level0_file_num_compaction_trigger: "4", level0_slowdown_writes_trigger: "4", level0_stop_writes_trigger: "4" };
    await database.setOptions(FAMILY, { ...limits, disable_auto_compactions: "false" });
    const drain = failure(() => database.drain(FAMILY, oneValue("k", "v").request(1, directory, "last")));
    await database.close();
    expect((await drain).code).toBe("DISPOSED");
    expect(readdirSync(directory)).toHaveLength(before);
  });

  test("does not hold a drain up for ever where compactions are off or not due", async () => {
    const [database, directory] = await many();
    await database.setOptions(FAMILY, { level0_slowdown_writes_trigger: "4", level0_stop_writes_trigger: "4" });
    await database.drain(FAMILY, oneValue("k", "v").request(1, directory, "off"));
    await database.setOptions(FAMILY, { level0_file_num_compaction_trigger: "50", disable_auto_compactions: "false" });
    await database.drain(FAMILY, oneValue("l", "v").request(1, directory, "not-due"));
    expect(count(database)).toBe(13);
  });
});

describe("a drain that fails", () => {
  test("says what is wrong with its arguments and does nothing", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    const good = oneValue("k", "v").request(1, directory, "f");
    const bad: Partial<DrainRequest>[] = [
      { segments: Uint32Array.of(4) }, { segments: Uint32Array.of(0xffffffff) }, { segmentCount: 2 }, { segmentCount: -1 },
      { segmentBytes: 0 }, { segmentBytes: 65537 }, { segmentBytes: 1025, chunkShift: 2, segments: Uint32Array.of(3) },
      { chunkShift: 32 }, { chunkShift: -1 }, { layer: -1 }, { layer: 2 ** 32 }, { directory: "/no/such/directory" }, { directory: "" },
      { filePrefix: "a/b" }, { filePrefix: "" }, { targetFileBytes: 0 }, { segments: new Float64Array(1) as unknown as Uint32Array },
    ];
    for (const change of bad) {
      expect((await failure(() => database.drain(FAMILY, { ...good, ...change }))).code, JSON.stringify(change)).toBe("INVALID_ARGUMENT");
    }
    expect((await failure(() => database.drain(9, good))).code).toBe("INVALID_ARGUMENT");
    good.memory.close();
    expect((await failure(() => database.drain(FAMILY, good))).code).toBe("DISPOSED");
    expect(readdirSync(directory)).toEqual([]);
    expect(contents(database, FAMILY).size).toBe(0);
  });

  test("removes its files, and the same drain works later", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const directory = temporaryDirectory();
    const table = new TestTable({ segmentBytes: 4096, slots: 64 });
    for (let index = 0; index < 500; index++) {
      table.add(`k${index}`, { kind: "list", layer: 1, pieces: [{ layer: 1, bytes: `${index}`.padEnd(100, ".") }] });
    }
    const request = table.request(1, directory, "f", 4096);
    const merge = await failure(() => database.drain(0, request));
    expect(merge).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("list-append") });
    expect(database.waitForDrain()).toBe(false);
    writeFileSync(join(directory, "f-3.sst"), "mine");
    expect(await failure(() => database.drain(FAMILY, request))).toMatchObject({
      code: "INVALID_ARGUMENT", message: expect.stringContaining("f-3.sst"),
    });
    expect(readdirSync(directory)).toEqual(["f-3.sst"]);
    expect(readFileSync(join(directory, "f-3.sst"), "utf8")).toBe("mine");
    expect(contents(database, FAMILY).size).toBe(0);
    const files = await database.drain(FAMILY, { ...request, filePrefix: "g" });
    expect(files.length).toBeGreaterThan(3);
    expect(contents(database, FAMILY).size).toBe(500);
  });

  test("because the disk is full says NO_SPACE; with space again it works", async ({ skip }) => {
    const directory = temporaryMount();
    if (directory === undefined) return skip("this user cannot mount a small file system");
    try {
      const database = await open(join(directory, "db"), LIST);
      mkdirSync(join(directory, "files"));
      const table = new TestTable({ segmentBytes: 16384, slots: 128 });
      for (let index = 0; index < 1500; index++) table.add(`k${index}`, { kind: "value", layer: 1, value: `${index}`.padEnd(500, ".") });
      const filler = join(directory, "filler");
      writeFileSync(filler, Buffer.alloc(1536 * 1024));
      const request = table.request(1, join(directory, "files"), "f", 128 * 1024);
      expect((await failure(() => database.drain(FAMILY, request))).code).toBe("NO_SPACE");
      expect(readdirSync(join(directory, "files"))).toEqual([]);
      expect(contents(database, FAMILY).size).toBe(0);
      execFileSync("rm", [filler]);
      expect((await database.drain(FAMILY, request)).length).toBeGreaterThan(2);
      expect(contents(database, FAMILY).size).toBe(1500);
      await database.close();
    } finally {
      spawnSync("umount", ["-l", directory]);
      // umount -l leaves at once, so that the directory can be removed even while something is open in it.
    }
  });
});

/** A file system of 2 MiB, where this user may mount one. */
function temporaryMount(): string | undefined {
  const directory = temporaryDirectory();
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory]);
  return status === 0 ? directory : undefined;
}

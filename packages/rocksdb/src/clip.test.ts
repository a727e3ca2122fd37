import { linkSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { join } from "node:path";

import type { Database } from "./database.js";
import type { ImportSource } from "./files.js";
import { bytes, contents, failure, open, put, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { TestTable } from "./segments.test.support.js";
import { WriteBatch } from "./write-batch.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true };
const IMPORT: OpenOptions = { disableAutoCompactions: true };

const keyOf = (index: number): string => `k${String(index).padStart(3, "0")}`;

/** Links of all files of a column family in a private directory, as an import wants them. */
async function exported(database: Database, family: number): Promise<ImportSource> {
  const directory = temporaryDirectory();
  return { directory, files: await database.pinLiveFiles([family], directory) };
}

async function drainTable(database: Database, family: number, layer: number, build: (table: TestTable) => void): Promise<void> {
  const table = new TestTable();
  build(table);
  await database.drain(family, table.request(layer, temporaryDirectory(), "f"));
  table.memory.close();
}

const within = (model: Map<string, string>, lower: string, upper?: string): Map<string, string> =>
  new Map([...model].filter(([key]) => key >= lower && (upper === undefined || key < upper)));

/** Random values, tombstones and list pieces on keys k000 to k299, by drains with compactions between. */
async function randomState(database: Database, family: number, random: (below: number) => number): Promise<Map<string, string>> {
  const model = new Map<string, string>();
  for (let layer = 1; layer < 7; layer++) {
    await drainTable(database, family, layer, (table) => {
      for (let index = random(4); index < 300; index += 1 + random(8)) {
        const key = keyOf(index);
        const value = `${layer}.${random(1000)};`;
        const kind = (["value", "tombstone", "list"] as const)[random(3)];
        if (kind === "value") model.set(key, value);
        else if (kind === "tombstone") model.delete(key);
        else model.set(key, (model.get(key) ?? "") + value);
        if (kind === "tombstone") table.add(key, { kind, layer });
        else if (kind === "value") table.add(key, { kind, layer, value });
        else table.add(key, { kind: "list", layer, pieces: [{ layer, bytes: value }] });
      }
    });
    if (random(3) === 0) await database.compactRange(family);
  }
  return model;
}

describe("clipColumnFamily", () => {
  test("rule 23: what is clipped away never comes back, after export and import, splitting and joining again and again", async () => {
    const seed = testSeed();
    const random = randomNumbers(seed);
    const whole = await open(temporaryDirectory(), LIST);
    const model = await randomState(whole, 1, random);
    let sources = [await exported(whole, 1)];
    for (const parts of [2, 3, 1, 4, 1]) {
      const bounds = Array.from({ length: parts - 1 }, (_, index) => keyOf(Math.floor((300 * (index + 1)) / parts)));
      const next: ImportSource[] = [];
      for (let part = 0; part < parts; part++) {
        const [lower = "", upper] = [bounds[part - 1], bounds[part]];
        const database = await open(temporaryDirectory(), IMPORT);
        const copies = sources.map(({ directory, files }) => {
          const copy = temporaryDirectory();
          for (const { name } of files) linkSync(join(directory, name), join(copy, name));
          return { directory: copy, files };
        });
        const family = await database.importSources("s", "list-append", copies);
        expect(contents(database, family), `seed ${seed}`).toEqual(model);
        await database.clipColumnFamily(family, bytes(lower), upper === undefined ? undefined : bytes(upper));
        expect(contents(database, family), `seed ${seed}, part ${part} of ${parts}`).toEqual(within(model, lower, upper));
        await database.compactRange(family);
        expect(contents(database, family), `seed ${seed}, part ${part} of ${parts}`).toEqual(within(model, lower, upper));
        next.push(await exported(database, family));
        await database.close();
      }
      sources = next;
    }
  });

  test("keeps the lower bound's own key where a file ends with it, drops the upper bound's", async () => {
    const database = await open(temporaryDirectory(), LIST);
    for (const key of ["a", "b", "c", "d"]) put(database, 1, key, key);
    await database.flush([1]);
    await database.compactRange(1);
    await drainTable(database, 1, 1, (table) => table.add("bb", { kind: "value", layer: 1, value: "new" }));
    await database.compactRange(1);
    await database.clipColumnFamily(1, bytes("d"));
    expect(contents(database, 1)).toEqual(new Map([["d", "d"]]));
    await database.clipColumnFamily(1, bytes("d"), bytes("d"));
    expect(contents(database, 1).size).toBe(0);
    expect(database.liveFiles(1)).toEqual([]);
    await database.clipColumnFamily(1, bytes(""), bytes("z"));
  });

  test("files that end exactly at the lower bound keep it", async () => {
    const database = await open(temporaryDirectory(), { ...LIST, columnFamilyOptions: { target_file_size_base: "1K" } });
    const batch = new WriteBatch();
    for (let index = 100; index < 200; index++) batch.put(1, bytes(`k${index}`), bytes("v".repeat(300)));
    database.write(batch);
    await database.flush([1]);
    await database.compactRange(1);
    const files = database.liveFiles(1).map(({ largestKey }) => Buffer.from(largestKey, "hex").toString());
    expect(files.length).toBeGreaterThan(5);
    const lower = [...files].sort()[2] as string;
    await database.clipColumnFamily(1, bytes(lower));
    const first = Number(lower.slice(1));
    expect([...contents(database, 1).keys()]).toEqual(Array.from({ length: 200 - first }, (_, index) => `k${first + index}`));
  });

  test("takes what is in the memtable too, says when a snapshot prevents it, and works after its release", async () => {
    const database = await open(temporaryDirectory(), LIST);
    for (const key of ["a", "b", "c"]) put(database, 1, key, key);
    const snapshot = database.takeSnapshot();
    const error = await failure(() => database.clipColumnFamily(1, bytes("b"), bytes("c")));
    expect(error).toMatchObject({ code: "ROCKSDB", message: expect.stringContaining("snapshots") });
    expect(contents(database, 1)).toEqual(new Map([["b", "b"]]));
    snapshot.release();
    await database.clipColumnFamily(1, bytes("b"), bytes("c"));
    expect(contents(database, 1)).toEqual(new Map([["b", "b"]]));
    expect(database.liveFiles(1)).toMatchObject([{ smallestKey: "62", largestKey: "62", entryCount: 1 }]);
    expect((await failure(() => database.clipColumnFamily(1, bytes("c"), bytes("b")))).code).toBe("INVALID_ARGUMENT");
  });
});

test("importing sources that overlap is refused; empty ones make an empty family", async () => {
  const database = await open(temporaryDirectory(), LIST);
  put(database, 1, "a", "1");
  put(database, 1, "c", "1");
  await database.flush([1]);
  const target = await open(temporaryDirectory(), IMPORT);
  const [one, two] = [await exported(database, 1), await exported(database, 1)];
  const error = await failure(() => target.importSources("s", "list-append", [one, two]));
  expect(error.message).toMatch(/overlap/);
  expect(readdirSync(one.directory)).toHaveLength(1);
  const family = await target.importSources("empty", "none", [{ directory: "", files: [] }, { directory: "", files: [] }]);
  expect(contents(target, family).size).toBe(0);
  expect(contents(target, await target.importSources("s", "list-append", [one])).size).toBe(2);
});

test("deleteFilesInRange takes whole files inside of the range and no others", async () => {
  const database = await open(temporaryDirectory(), { ...LIST, columnFamilyOptions: { target_file_size_base: "1K" } });
  const batch = new WriteBatch();
  for (let index = 100; index < 300; index++) batch.put(1, bytes(`k${index}`), bytes("v".repeat(300)));
  database.write(batch);
  await database.flush([1]);
  await database.compactRange(1);
  const before = database.liveFiles(1).length;
  await database.deleteFilesInRange(1, bytes("k150"), bytes("k250"));
  const keys = [...contents(database, 1).keys()];
  expect(database.liveFiles(1).length).toBeLessThan(before - 5);
  expect(keys.filter((key) => key < "k150" || key >= "k250")).toHaveLength(100);
  expect(keys.length).toBeLessThan(120);
  await database.deleteFilesInRange(1, bytes(""));
  expect(database.liveFiles(1)).toEqual([]);
  expect((await failure(() => database.deleteFilesInRange(1, bytes("b"), bytes("a")))).code).toBe("INVALID_ARGUMENT");
});

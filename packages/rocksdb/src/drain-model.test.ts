import { linkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { Database } from "./database.js";
import type { ImportFile } from "./files.js";
import { contents, open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { TestTable, type Piece } from "./segments.test.support.js";
import { importFileOfWritten } from "./written-table.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true };
const IMPORT: OpenOptions = { disableAutoCompactions: true };

type Random = (below: number) => number;

/** Keys that sort badly: empty, short, with long common beginnings, with zeros and high bytes at the end. */
function randomKey(random: Random): string {
  const shape = random(6);
  if (shape === 0) return ["", "\0", "\0\0", "a", "aa", "aaa"][random(6)] as string;
  if (shape === 1) return `\0\x01${"common beginning of many keys ".repeat(3)}${random(40)}`;
  if (shape === 2) return `\0\x01abcdefgh${"\0".repeat(random(4))}`;
  if (shape === 3) return `ab${"\xff".repeat(random(12))}`;
  return `\0${String.fromCharCode(random(5))}\0\0\0\0\0\0\0\0${String.fromCharCode(random(256))}${String.fromCharCode(random(8))}`;
}

/** Adds entries of random layers to a table; those of `layer` are applied to the model. */
function fillTable(table: TestTable, layer: number, model: Map<string, string>, random: Random): void {
  const keys = new Set(Array.from({ length: random(300) }, () => randomKey(random)));
  for (const key of keys) {
    const value = `${random(1e6)};`.repeat(random(50) === 0 ? 400 : random(3));
    const kind = random(10);
    if (kind === 0) {
      table.add(key, { kind: "value", layer: layer - 1 - random(3), value });
    } else if (kind < 4) {
      table.add(key, { kind: "value", layer, value });
      model.set(key, value);
    } else if (kind < 6) {
      table.add(key, { kind: "tombstone", layer });
      model.delete(key);
    } else {
      addList(table, key, layer, value, model, random);
    }
  }
}

function addList(table: TestTable, key: string, layer: number, value: string, model: Map<string, string>, random: Random): void {
  const pieces: Piece[] = [];
  const start = random(3);
  if (start === 1) pieces.push({ layer: layer - 1, bytes: "older base;", isBase: true });
  if (start === 2) {
    pieces.push({ layer, bytes: value, isBase: true });
    model.set(key, value);
  }
  for (let count = start === 2 ? 0 : random(3); count > 0; count--) pieces.push({ layer: layer - 1, bytes: "older;" });
  for (let count = random(4); count > 0; count--) {
    const bytes = `${random(1000)};`.repeat(random(4));
    pieces.push({ layer, bytes });
    model.set(key, (model.get(key) ?? "") + bytes);
  }
  table.add(key, { kind: "list", layer, pieces });
}

/** Contents as latin1 text, which the tables are made of. */
function latin1Contents(database: Database, family: number): Map<string, string> {
  const result = new Map<string, string>();
  for (const { key, value } of database.iterator(family)) {
    result.set(Buffer.from(key).toString("latin1"), Buffer.from(value).toString("latin1"));
  }
  return result;
}

function sorted(model: Map<string, string>): [string, string][] {
  return [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1")));
}

/** A private directory with links of the files, as an import wants it. */
function stage(files: readonly ImportFile[], store: string): string {
  const directory = temporaryDirectory();
  for (const { name } of files) linkSync(join(store, name), join(directory, name));
  return directory;
}

test("random tables equal a model, over generations of drain, compaction, re-base, import elsewhere and going on", async () => {
  const seed = testSeed();
  const random = randomNumbers(seed);
  const model = new Map<string, string>();
  let database = await open(temporaryDirectory(), LIST);
  let family = database.columnFamily("s").id;
  let layer = 10;
  for (let generation = 0; generation < 5; generation++) {
    const store = temporaryDirectory();
    const chain: ImportFile[] = await database.pinLiveFiles([family], store);
    for (let round = 0; round < 8; round++, layer++) {
      const table = new TestTable({ segmentBytes: 1024 << random(4), chunkShift: random(4), slots: 8 + random(20), spare: random(9) });
      fillTable(table, layer, model, random);
      const files = await database.drain(family, table.request(layer, store, `g${generation}-${round}`, 1 + random(40_000)));
      chain.push(...files.map(importFileOfWritten));
      table.memory.close();
      expect([...latin1Contents(database, family)], `seed ${seed}, layer ${layer}`).toEqual(sorted(model));
      if (random(3) === 0) await database.compactRange(family);
    }
    const restored = await open(temporaryDirectory(), IMPORT);
    family = await restored.importFiles("s", "list-append", stage(chain, store), chain);
    expect([...latin1Contents(restored, family)], `seed ${seed}, generation ${generation}`).toEqual(sorted(model));
    if (random(2) === 0) await restored.compactRange(family);
    expect([...latin1Contents(restored, family)], `seed ${seed}, compacted`).toEqual(sorted(model));
    await database.close();
    database = restored;
  }
});

test("an older delta never lies above a newer one, although the database had compacted it away", async () => {
  const database = await open(temporaryDirectory(), LIST);
  const store = temporaryDirectory();
  const chain: ImportFile[] = [];
  for (const [round, kind] of (["value", "tombstone", "value"] as const).entries()) {
    const table = new TestTable();
    table.add("k", { kind, layer: 1, value: `${round}` });
    chain.push(...(await database.drain(1, table.request(1, store, `f${round}`))).map(importFileOfWritten));
    await database.compactRange(1);
    // After the tombstone the column family is empty, and nothing there makes RocksDB give the next file a sequence number.
    if (kind === "tombstone") expect(database.liveFiles(1)).toEqual([]);
  }
  const restored = await open(temporaryDirectory(), IMPORT);
  const family = await restored.importFiles("s", "list-append", stage(chain, store), chain);
  expect(contents(restored, family)).toEqual(new Map([["k", "2"]]));
  await restored.compactRange(family);
  expect(contents(restored, family)).toEqual(new Map([["k", "2"]]));
});

test("pinned files are the same whether drained, compacted or both, and import elsewhere equal to the model", async () => {
  const seed = testSeed();
  const random = randomNumbers(seed);
  const model = new Map<string, string>();
  const database = await open(temporaryDirectory(), LIST);
  const drained = new Map<string, number>();
  for (let layer = 10; layer < 16; layer++) {
    const table = new TestTable();
    fillTable(table, layer, model, random);
    const files = await database.drain(1, table.request(layer, temporaryDirectory(), "f"));
    for (const { uniqueId, sequence } of files) drained.set(uniqueId, sequence);
    if (layer === 12) await database.compactRange(1);
  }
  const store = temporaryDirectory();
  const pinned = await database.pinLiveFiles([1], store);
  const stillThere = pinned.filter(({ uniqueId }) => drained.has(uniqueId));
  expect(stillThere.length).toBeGreaterThan(0);
  for (const file of stillThere) {
    expect(file).toMatchObject({ smallestSequence: drained.get(file.uniqueId), largestSequence: drained.get(file.uniqueId) });
  }
  const restored = await open(temporaryDirectory(), IMPORT);
  const family = await restored.importFiles("s", "list-append", stage(pinned, store), pinned);
  expect([...latin1Contents(restored, family)], `seed ${seed}`).toEqual(sorted(model));
  expect(restored.liveFiles(family).map(({ uniqueId }) => uniqueId).sort()).toEqual(pinned.map(({ uniqueId }) => uniqueId).sort());
});

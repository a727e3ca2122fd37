import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Database } from "./database.js";
import type { DrainRequest } from "./drain.js";
import { contents, failure, open, temporaryDirectory } from "./fixtures.test.support.js";
import { TestTable } from "./segments.test.support.js";

const family = 1;

/** Values, tombstones, lists and entries with memory of their own. */
function mixedTable(): TestTable {
  const table = new TestTable();
  for (let i = 0; i < 300; i += 1) table.add(`v${String(i).padStart(4, "0")}`, { kind: "value", layer: 7, value: `value ${i}` });
  for (let i = 0; i < 40; i += 1) table.add(`x${i}`, { kind: "value", layer: 6, value: "drained before" });
  for (let i = 0; i < 40; i += 1) {
    const pieces = [{ layer: 6, bytes: "before;" }, { layer: 7, bytes: `${i};` }, { layer: 7, bytes: "again;" }];
    table.add(`l${String(i).padStart(4, "0")}`, { kind: "list", layer: 0, pieces });
  }
  for (let i = 0; i < 10; i += 1) table.add(`z${i}`, { kind: "value", layer: 7, value: "long".repeat(1000 + i) });
  table.add("t", { kind: "tombstone", layer: 7 });
  return table;
}

function expected(): Map<string, string> {
  const all = new Map<string, string>();
  for (let i = 0; i < 40; i += 1) all.set(`l${String(i).padStart(4, "0")}`, `${i};again;`);
  for (let i = 0; i < 300; i += 1) all.set(`v${String(i).padStart(4, "0")}`, `value ${i}`);
  for (let i = 0; i < 10; i += 1) all.set(`z${i}`, "long".repeat(1000 + i));
  return all;
}

/** A request that is told of its progress, and what it was told. */
function withProgress(table: TestTable, directory: string, prefix: string): { request: DrainRequest; collected: () => number } {
  const { id, bytes } = table.memory.allocateBlock(4);
  const words = new Uint32Array(bytes.buffer);
  return { request: { ...table.request(7, directory, prefix), progressBlock: id }, collected: () => words[0] as number };
}

function destroy(table: TestTable): void {
  for (const chunk of table.chunks) chunk.fill(0xff);
}

async function openLists(): Promise<Database> {
  return await open(temporaryDirectory(), { columnFamilies: [{ name: "s", mergeOperator: "list-append" }] });
}

describe("the copy of a layer", () => {
  test("the table may be written as soon as the layer is said to be copied", async () => {
    const database = await openLists();
    const table = mixedTable();
    const { request, collected } = withProgress(table, temporaryDirectory(), "f");
    const drained = database.drain(family, request);
    expect(database.waitForCollected()).toBe(true);
    expect(collected()).toBe(7);
    expect(database.memoryUsage().layerCopies).toBeGreaterThan(0);
    destroy(table);
    await drained;
    expect(contents(database, family)).toEqual(expected());
    expect(database.waitForCollected()).toBe(false);
  });

  test("a drain that failed behind the copy is tried again from the copy", async () => {
    const database = await openLists();
    const table = mixedTable();
    const directory = temporaryDirectory();
    const { request, collected } = withProgress(table, directory, "f");
    writeFileSync(join(directory, "f-0.sst"), "in the way");
    expect((await failure(() => database.drain(family, request))).message).toContain("there is a file");
    expect(collected()).toBe(7);
    destroy(table);
    expect((await failure(() => database.drain(family, request))).message).toContain("there is a file");
    rmSync(join(directory, "f-0.sst"));
    await database.drain(family, request);
    expect(database.memoryUsage().layerCopies).toBe(0);
    expect(contents(database, family)).toEqual(expected());
  });

  test("without a word of progress the table is read each time", async () => {
    const database = await openLists();
    const table = mixedTable();
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "f-0.sst"), "in the way");
    const request = table.request(7, directory, "f");
    expect((await failure(() => database.drain(family, request))).message).toContain("there is a file");
    destroy(table);
    expect((await failure(() => database.drain(family, { ...request, filePrefix: "g" }))).code).toBe("STATE_CORRUPT");
  });

  test("a damaged table is never said to be copied", async () => {
    const database = await openLists();
    const table = mixedTable();
    destroy(table);
    const { request, collected } = withProgress(table, temporaryDirectory(), "f");
    const drained = failure(() => database.drain(family, request));
    expect(database.waitForCollected()).toBe(false);
    expect((await drained).code).toBe("STATE_CORRUPT");
    expect(collected()).toBe(0);
  });

  test("the block for the progress must be there and have four bytes", async () => {
    const database = await openLists();
    const table = mixedTable();
    const request = table.request(7, temporaryDirectory(), "f");
    const { id } = table.memory.allocateBlock(3);
    for (const progressBlock of [id, id + 100]) {
      expect((await failure(() => database.drain(family, { ...request, progressBlock }))).code).toBe("INVALID_ARGUMENT");
    }
  });
});

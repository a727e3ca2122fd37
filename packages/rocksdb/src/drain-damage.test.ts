import { readdirSync } from "node:fs";
import { expect, test } from "vitest";

import { RocksDBError } from "./errors.js";
import { failure, open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import { TestTable, type TestEntry } from "./segments.test.support.js";

const LIST = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true } as const;
/** Where the first entry of a segment begins. */
const FIRST = 4 + 16 * 4;

/** A segment with one list, and no chunk beyond it: a read past its end would leave the memory. */
function oneList(): TestTable {
  const table = new TestTable({ chunkShift: 0 });
  table.add("key", { kind: "list", layer: 1, pieces: [{ layer: 1, bytes: "abc" }, { layer: 1, bytes: "d" }] });
  return table;
}

const u16 = (offset: number, value: number) => (chunk: Buffer) => chunk.writeUInt16LE(value, offset);
const u32 = (offset: number, value: number) => (chunk: Buffer) => chunk.writeUInt32LE(value, offset);
const u8 = (offset: number, value: number) => (chunk: Buffer) => chunk.writeUInt8(value, offset);
const VALUE = FIRST + 12 + 3;

test.each<[string, (chunk: Buffer) => void]>([
  ["slots for more than the segment", u32(0, 256)],
  ["4 billion slots", u32(0, 0xffffffff)],
  ["an entry in the slots", u32(4, 0x10004)],
  ["an entry at the last byte", u32(4, 0x10000 | 1023)],
  ["an entry past the end", u32(4, 0x1ffff)],
  ["a key longer than the segment", u16(FIRST, 0xffff)],
  ["a value longer than its capacity", u16(FIRST + 2, 21)],
  ["a capacity past the end", u16(FIRST + 4, 950)],
  ["kind 0", u8(FIRST + 6, 0)],
  ["kind 4", u8(FIRST + 6, 4)],
  ["a tombstone with a value", u8(FIRST + 6, 2)],
  ["a large entry that is none", u8(FIRST + 6, 0x83)],
  ["a list that ends in a piece's header", u16(FIRST + 2, 19)],
  ["a piece longer than the list", u32(VALUE + 4, 13)],
  ["a piece of 2 GiB", u32(VALUE + 4, 0x7fffffff)],
  ["a base in the middle", u32(VALUE + 8 + 3 + 4, 0x80000001)],
])("damaged memory is STATE_CORRUPT and never read past its end: %s", async (_name, damage) => {
  const database = await open(temporaryDirectory(), LIST);
  const directory = temporaryDirectory();
  const table = oneList();
  const intact = Buffer.from(table.chunkOf(0));
  damage(table.chunkOf(0));
  const error = await failure(() => database.drain(1, table.request(1, directory, "f")));
  expect(error).toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("the table is damaged") });
  expect(readdirSync(directory)).toEqual([]);
  intact.copy(table.chunkOf(0));
  expect(await database.drain(1, table.request(1, directory, "f"))).toHaveLength(1);
});

test("a key that is there twice and blocks that do not fit are STATE_CORRUPT", async () => {
  const database = await open(temporaryDirectory(), LIST);
  const directory = temporaryDirectory();
  const twice = new TestTable();
  for (let index = 0; index < 50; index++) twice.add(`k${index % 49}`, { kind: "value", layer: 1, value: "v" });
  const drain = (table: TestTable): Promise<unknown> => database.drain(1, table.request(1, directory, "f"));
  expect(await failure(() => drain(twice))).toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("twice") });
  const large = new TestTable({ chunkShift: 0 });
  const id = large.add("k", { kind: "value", layer: 1, value: "v".repeat(2000) });
  const stub = FIRST + 12;
  for (const value of [id + 1, 0xffffffff]) {
    large.chunkOf(0).writeUInt32LE(value, stub);
    expect((await failure(() => drain(large))).code).toBe("STATE_CORRUPT");
  }
  large.chunkOf(0).writeUInt32LE(id, stub);
  large.memory.freeBlock(id);
  expect((await failure(() => drain(large))).code).toBe("STATE_CORRUPT");
  for (const bytes of [[1, 0, 0, 0], [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0], [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0]]) {
    const block = large.memory.allocateBlock(bytes.length);
    block.bytes.set(bytes);
    expect(block.id).toBe(id);
    expect((await failure(() => drain(large))).code).toBe("STATE_CORRUPT");
    large.memory.freeBlock(id);
  }
  expect(readdirSync(directory)).toEqual([]);
});

test("random damage never does more than fail the drain", async () => {
  const seed = testSeed();
  const random = randomNumbers(seed);
  const database = await open(temporaryDirectory(), LIST);
  const directory = temporaryDirectory();
  let failed = 0;
  for (let round = 0; round < 150; round++) {
    const table = new TestTable({ chunkShift: 0, segmentBytes: 512 });
    for (let index = 0; index < 30; index++) {
      const pieces = Array.from({ length: random(4) }, () => ({ layer: random(2), bytes: "p".repeat(random(9)) }));
      const value = "v".repeat(random(40) === 0 ? 900 : random(20));
      const layer = random(2);
      const entries: TestEntry[] = [{ kind: "value", layer, value }, { kind: "tombstone", layer }, { kind: "list", layer, pieces }];
      table.add(`k${index}`, entries[random(3)] as TestEntry);
    }
    for (let flips = 1 + random(4); flips > 0; flips--) {
      const chunk = table.chunkOf(random(table.chunks.length));
      // Headers are where damage matters, and they are near the used bytes.
      const at = random(chunk.length - 4);
      if (random(2) === 0) chunk.writeUInt32LE(random(2 ** 32), at);
      else chunk[at] = (chunk[at] as number) ^ (1 << random(8));
    }
    try {
      await database.drain(1, table.request(1, directory, `f${round}`));
    } catch (error) {
      expect(error, `seed ${seed}`).toBeInstanceOf(RocksDBError);
      expect((error as RocksDBError).code, `seed ${seed}, ${(error as Error).message}`).toBe("STATE_CORRUPT");
      failed++;
    }
    table.memory.close();
  }
  expect(failed).toBeGreaterThan(10);
});

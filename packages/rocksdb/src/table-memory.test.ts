import { describe, expect, test } from "vitest";

import { contents, failure, open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import { TestTable } from "./segments.test.support.js";
import { TableMemory } from "./table-memory.js";

/** What a transfer gives: a copy where Node 20 makes one, nothing where later ones refuse it. */
function transferred(buffer: ArrayBuffer): Uint8Array | undefined {
  try {
    return new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
  } catch (error) {
    expect((error as Error).name).toBe("DataCloneError");
    return undefined;
  }
}

describe("TableMemory", () => {
  test("chunks and blocks are zeroed, writable, counted and independent", () => {
    const memory = TableMemory.create();
    const parts = [memory.addChunk(1), memory.addChunk(100_000), memory.allocateBlock(3000).bytes, memory.allocateBlock(1 << 20).bytes];
    expect(memory.sizeBytes).toBe(1 + 100_000 + 3000 + (1 << 20));
    for (const [index, part] of parts.entries()) {
      expect(part.every((byte) => byte === 0)).toBe(true);
      part.fill(index + 1);
    }
    for (const [index, part] of parts.entries()) expect(part.every((byte) => byte === index + 1)).toBe(true);
    memory.close();
  });

  test("a freed block is empty at once, its number is given out again, zeroed", async () => {
    const memory = TableMemory.create();
    const first = memory.allocateBlock(5000);
    const second = memory.allocateBlock(200_000);
    const view = new Uint8Array(first.bytes.buffer, 10);
    first.bytes.fill(1);
    memory.freeBlock(first.id);
    expect([first.bytes.length, view.length, memory.sizeBytes]).toEqual([0, 0, 200_000]);
    expect((await failure(() => memory.freeBlock(first.id))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => memory.freeBlock(77))).code).toBe("INVALID_ARGUMENT");
    const third = memory.allocateBlock(5000);
    expect([first.id, second.id, third.id]).toEqual([0, 1, 0]);
    expect(third.bytes.every((byte) => byte === 0)).toBe(true);
    memory.close();
  });

  test("bad sizes and a closed memory are refused; a transfer to another thread takes nothing away", async () => {
    const memory = TableMemory.create();
    for (const size of [0, -1, 1.5, NaN, 2 ** 30 + 1, "1" as unknown as number]) {
      expect((await failure(() => memory.addChunk(size))).code).toBe("INVALID_ARGUMENT");
      expect((await failure(() => memory.allocateBlock(size))).code).toBe("INVALID_ARGUMENT");
    }
    const chunk = memory.addChunk(10);
    const moved = transferred(chunk.buffer);
    expect(chunk.length).toBe(10);
    moved?.fill(1);
    expect(chunk[0]).toBe(0);
    const { id } = memory.allocateBlock(10);
    memory.close();
    memory.close();
    expect(memory.sizeBytes).toBe(0);
    for (const call of [() => memory.addChunk(1), () => memory.allocateBlock(1), () => memory.freeBlock(id), () => memory.handle]) {
      expect((await failure(call)).code).toBe("DISPOSED");
    }
  });

  test("rule 8: memory outlives close() while an ArrayBuffer or a drain uses it", async () => {
    const database = await open(temporaryDirectory());
    const table = new TestTable({ segmentBytes: 16384, slots: 256 });
    for (let index = 0; index < 5000; index++) table.add(`k${index}`, { kind: "value", layer: 1, value: `${index}` });
    table.add("large", { kind: "value", layer: 1, value: "L".repeat(300_000) });
    const drained = database.drain(0, table.request(1, temporaryDirectory(), "f"));
    const chunk = table.chunks[1] as Uint8Array;
    const before = chunk.slice();
    table.memory.close();
    // Other memory that would take the place of what was given back too early.
    const other = TableMemory.create();
    for (let index = 0; index < 30; index++) other.addChunk(before.length).fill(0xff);
    for (let index = 0; index < 30; index++) other.allocateBlock(300_020).bytes.fill(0xff);
    await drained;
    expect(chunk).toEqual(before);
    expect(contents(database, 0).size).toBe(5001);
    expect(contents(database, 0).get("large")).toBe("L".repeat(300_000));
  });

  test("a block that is freed while a drain is under way is drained all the same, and its number waits for the end", async () => {
    const seed = testSeed();
    const random = randomNumbers(seed);
    const database = await open(temporaryDirectory());
    const directory = temporaryDirectory();
    for (let round = 0; round < 20; round++) {
      const table = new TestTable();
      const sizes = Array.from({ length: 40 }, () => 1000 + random(200_000));
      const ids = sizes.map((size, index) => table.add(`k${index}`, { kind: "value", layer: 1, value: `${index};`.padEnd(size, ".") }));
      const first = database.drain(0, table.request(1, directory, `a${round}`));
      const second = database.drain(0, { ...table.request(1, directory, `b${round}`), segmentCount: 0 });
      for (const id of ids) table.memory.freeBlock(id);
      const others = Array.from({ length: 10 }, () => table.memory.allocateBlock(1 + random(200_000)));
      for (const { bytes } of others) bytes.fill(0xff);
      await Promise.all([first, second]);
      const found = contents(database, 0);
      for (const [index, size] of sizes.entries()) {
        expect(found.get(`k${index}`) === `${index};`.padEnd(size, "."), `seed ${seed}, key ${index}`).toBe(true);
      }
      expect(table.memory.sizeBytes - table.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(
        others.reduce((sum, { bytes }) => sum + bytes.length, 0),
      );
      table.memory.close();
    }
  });
});

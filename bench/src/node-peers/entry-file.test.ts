import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EntryFileWriter, readEntryFile } from "./entry-file.js";
import { Records } from "./records.js";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-entries-test-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Longer than the buffers of writer and reader. */
const count = 30_000;

function write(path: string): Records {
  const records = new Records(count, 100, 1);
  const writer = new EntryFileWriter(path);
  for (let index = 0; index < count; index += 1) {
    writer.add(Buffer.from(records.keyOf(index)), records.firstValue(index).subarray(0, index % 101));
  }
  writer.close();
  return records;
}

test("entries of any length come back as they were, in their order", () => {
  const path = join(directory, "entries");
  const records = write(path);
  let next = 0;
  readEntryFile(path, (key, value) => {
    const isRight = key === records.keyOf(next) && Buffer.compare(value, records.firstValue(next).subarray(0, next % 101)) === 0;
    if (!isRight) expect.fail(`entry ${next} differs`);
    next += 1;
  });
  expect(next).toBe(count);
});

test("a file that ends within an entry is no snapshot; an empty one has no entries", async () => {
  const path = join(directory, "entries");
  write(path);
  await truncate(path, 100_000);
  expect(() => readEntryFile(path, () => {})).toThrow("ends within an entry");
  await writeFile(path, "");
  let visited = 0;
  readEntryFile(path, () => (visited += 1));
  expect(visited).toBe(0);
});

test("a key of another length is refused", () => {
  const writer = new EntryFileWriter(join(directory, "entries"));
  expect(() => writer.add(Buffer.from("short"), Buffer.alloc(100))).toThrow("an entry of 5 + 100 bytes");
  expect(() => writer.add(Buffer.alloc(16), Buffer.alloc(2 ** 20))).toThrow(RangeError);
  writer.close();
});

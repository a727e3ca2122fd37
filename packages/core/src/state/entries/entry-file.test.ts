import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isStateError } from "../../errors/index.js";
import { MemoryFileSystem } from "../../storage/index.js";
import { SeededRandom } from "../../testing/random.js";
import { ByteWriter } from "../serializers/index.js";
import { readEntryFile } from "./entry-file-reader.js";
import { EntryFileWriter } from "./entry-file-writer.js";

function fileOf(entries: readonly (readonly [string, number])[]): Uint8Array {
  const writer = new EntryFileWriter();
  const parts: Uint8Array[] = [EntryFileWriter.header()];
  for (const [key, valueBytes] of entries) {
    const keyWriter = new ByteWriter();
    keyWriter.raw(Buffer.from(key));
    const value = new ByteWriter();
    value.raw(new Uint8Array(valueBytes).fill(key.length));
    writer.add(keyWriter, value);
    if (writer.isBlockFull) parts.push(writer.takeBlock() as Uint8Array);
  }
  const last = writer.takeBlock();
  return Buffer.concat([...parts, ...(last === undefined ? [] : [last]), writer.end()]);
}

async function read(bytes: Uint8Array): Promise<string[]> {
  const fileSystem = new MemoryFileSystem();
  const file = await fileSystem.createFile("/f");
  await file.write(bytes);
  await file.close();
  const found: string[] = [];
  const count = await readEntryFile(fileSystem, "/f", (key, value) =>
    found.push(`${Buffer.from(key.copy(key.remaining)).toString()} ${value.remaining}`),
  );
  expect(count).toBe(found.length);
  return found;
}

async function codeOf(bytes: Uint8Array): Promise<string> {
  return await read(bytes).then(
    () => "no error",
    (error: unknown) => (isStateError(error) ? error.code : String(error)),
  );
}

describe("entry file", () => {
  test("gives back what was written, in blocks, empty and large entries too", async () => {
    expect(await read(fileOf([]))).toEqual([]);
    const entries = [
      ["", 0],
      ["a", 1],
      ["bb", 300_000],
      ["ccc", 70_000],
      ["dddd", 5],
      ["e", 200_000],
    ] as const;
    expect(await read(fileOf(entries))).toEqual(entries.map(([key, size]) => `${key} ${size}`));
  });

  test("every truncation and every flipped bit is found", async () => {
    const bytes = fileOf([
      ["key", 3],
      ["another", 9],
      ["", 1],
    ]);
    for (let length = 0; length < bytes.length; length += 1)
      expect(await codeOf(bytes.slice(0, length)), `cut to ${length}`).toBe("CHECKPOINT_FILE_DAMAGED");
    for (let position = 0; position < bytes.length; position += 1) {
      for (const bit of [1, 128]) {
        const flipped = bytes.slice();
        flipped[position] = (flipped[position] as number) ^ bit;
        expect(await codeOf(flipped), `byte ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
      }
    }
    expect(await codeOf(Buffer.concat([bytes, Uint8Array.of(0)]))).toBe("CHECKPOINT_FILE_DAMAGED");
  });

  test("keys share their beginnings within a block, 255 bytes at most, and come back whole", async () => {
    const random = new SeededRandom(7);
    const entries = Array.from({ length: 3_000 }, (_, index): [string, number] => {
      const length = random.below(index % 10 === 0 ? 600 : 12);
      return [Array.from({ length }, () => (random.below(20) === 0 ? "b" : "a")).join(""), random.below(300)];
    });
    expect(await read(fileOf(entries))).toEqual(entries.map(([key, size]) => `${key} ${size}`));
    const owner = "o".repeat(250);
    const similar = Array.from({ length: 1_000 }, (_, index): [string, number] => [owner + String(index).padStart(4, "0"), 1]);
    expect(fileOf(similar).length).toBeLessThan(10_000);
    const long = "l".repeat(1_000);
    expect(await read(fileOf([[long, 1], [long, 2], [`${long}x`, 3]]))).toEqual([`${long} 1`, `${long} 2`, `${long}x 3`]);
  });

  test.each([
    { records: [1, 1, 0, 65], what: "shares more" },
    { records: [0, 2, 0, 65, 66, 3, 0, 0], what: "shares more" },
    { records: [0, 200, 1, 65], what: "end early" },
    { records: [0, 1, 200, 1, 65], what: "end early" },
  ])("$records with a right checksum is damage", async ({ records, what }) => {
    const block = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, ...records]);
    block.writeUInt32LE(records.length, 0);
    block.writeUInt32LE(crc32(block.subarray(8)), 4);
    const bytes = fileOf([]);
    const reading = read(Buffer.concat([bytes.subarray(0, 8), block, bytes.subarray(8)]));
    await expect(reading).rejects.toMatchObject({ code: "CHECKPOINT_FILE_DAMAGED", message: expect.stringContaining(what) });
  });
});

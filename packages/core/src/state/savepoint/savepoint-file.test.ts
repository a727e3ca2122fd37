import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isStateError, StateError } from "../../errors/index.js";
import { type FileReference, MemoryFileSystem, type SnapshotFiles } from "../../storage/index.js";
import type { KeyedStateBackend } from "../backend.js";
import { EntryFileWriter } from "../entries/entry-file-writer.js";
import { ByteReader, ByteWriter, string } from "../serializers/index.js";
import { readSavepoint, readSavepointHeader } from "./savepoint-reader.js";
import { writeSavepoint } from "./savepoint-writer.js";

type Entry = readonly [key: readonly number[], value: string];

const context = { operator: "count", subtask: 1, keySerializer: string(), keyGroups: { first: 2, last: 5 }, maxParallelism: 8 };
const states = { nextId: 3, states: [] };
const entries: readonly Entry[] = [
  [[0, 2, 0, 1, 65], "a"],
  [[0, 2, 0, 1, 65, 66], ""],
  [[0, 3, 0, 2], "long".repeat(100)],
  [[0, 5, 0xff, 0x01, 1], ""],
];

/** Writes a savepoint of a backend that has these entries, and gives its bytes. */
async function write(of: readonly Entry[], signal: AbortSignal = new AbortController().signal): Promise<Uint8Array> {
  const fileSystem = new MemoryFileSystem();
  const files: SnapshotFiles = {
    generation: 4,
    addFile: () => Promise.reject(new Error("a savepoint is streamed")),
    writeFile: async (name, chunks): Promise<FileReference> => {
      const file = await fileSystem.createFile(`/${name}`);
      for await (const chunk of chunks) await file.write(chunk);
      await file.close();
      return { name, sizeBytes: file.sizeBytes, sha256: "" };
    },
  };
  let closed = 0;
  const exportEntries = () => ({
    states,
    *entries(visit: (key: ByteReader, value: ByteReader) => void) {
      for (const [key, value] of of) yield visit(new ByteReader(Uint8Array.from(key)), new ByteReader(Buffer.from(value)));
    },
    close: () => void (closed += 1),
  });
  const { result } = writeSavepoint({ exportEntries } as unknown as KeyedStateBackend<string>, context, 7, files, signal);
  try {
    const { handle } = await result;
    expect(handle).toEqual({ backend: "savepoint", keyGroups: [2, 5], files: ["4-count-1-7.savepoint"], description: {} });
  } finally {
    expect(closed).toBe(1);
  }
  return await fileSystem.readFile("/4-count-1-7.savepoint");
}

async function read(bytes: Uint8Array): Promise<unknown> {
  const fileSystem = new MemoryFileSystem();
  const file = await fileSystem.createFile("/savepoint");
  await file.write(bytes);
  await file.close();
  const found: [number[], string][] = [];
  try {
    const header = await readSavepoint(fileSystem, "/savepoint", (key, value) => {
      found.push([[...key.copy(key.remaining)], Buffer.from(value.copy(value.remaining)).toString()]);
    });
    expect(await readSavepointHeader(fileSystem, "/savepoint")).toEqual(header);
    return { header, found };
  } catch (error) {
    return isStateError(error) ? error.code : error;
  }
}

/** A file of any header and entries, with right checksums. */
function forged(header: string, of: readonly Entry[] = [], version = 1): Uint8Array {
  const out = new ByteWriter();
  const json = Buffer.from(header);
  out.raw(Buffer.from("TIDESAVE"));
  out.u32(version);
  out.u32(json.length);
  out.u32(crc32(json, crc32(out.bytes.subarray(8, 16))));
  const writer = new EntryFileWriter();
  for (const [key, value] of of) writer.addRemaining(new ByteReader(Uint8Array.from(key)), new ByteReader(Buffer.from(value)));
  return Buffer.concat([out.copy(), json, EntryFileWriter.header(), writer.takeBlock() ?? new Uint8Array(), writer.end()]);
}

const header = { operator: "count", subtask: 1, keyGroups: [2, 5], maxParallelism: 8, keys: { type: "string" }, states };

describe("savepoint file", () => {
  test("gives back header and entries; the same contents are the same bytes", async () => {
    const bytes = await write(entries);
    expect(await read(bytes)).toEqual({ header, found: entries.map(([key, value]) => [key, value]) });
    expect(Buffer.compare(await write(entries), bytes)).toBe(0);
    expect(Buffer.compare(forged(JSON.stringify(header), entries), bytes)).toBe(0);
    expect(await read(await write([]))).toEqual({ header, found: [] });
  });

  test("every truncation and every flipped bit is found", async () => {
    const bytes = await write(entries.map(([key, value]) => [key, value.slice(0, 3)]));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(await read(bytes.slice(0, length)), `cut to ${length}`).toBe("CHECKPOINT_FILE_DAMAGED");
    }
    for (let position = 0; position < bytes.length; position += 1) {
      for (const bit of [1, 16, 128]) {
        const flipped = bytes.slice();
        flipped[position] = (flipped[position] as number) ^ bit;
        expect(await read(flipped), `byte ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
      }
    }
    expect(await read(Buffer.concat([bytes, Uint8Array.of(0)]))).toBe("CHECKPOINT_FILE_DAMAGED");
  });

  test("another version is named as such, whatever its header says", async () => {
    expect(await read(forged("not even JSON", [], 2))).toBe("CHECKPOINT_VERSION");
    expect(await read(forged(JSON.stringify(header), [], 0))).toBe("CHECKPOINT_VERSION");
  });

  test("headers that nobody writes are refused, lengths before memory is taken", async () => {
    const wrong = [
      "", "[]", "null", "{", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "\ud800",
      ...Object.keys(header).map((name) => JSON.stringify({ ...header, [name]: undefined })),
      ...[[5, 2], [2], [2, 8], [-1, 2], [0, 1.5], "ab"].map((keyGroups) => JSON.stringify({ ...header, keyGroups })),
      JSON.stringify({ ...header, maxParallelism: 2 ** 60 }),
    ];
    for (const text of wrong) expect(await read(forged(text)), text.slice(0, 80)).toBe("CHECKPOINT_FILE_DAMAGED");
    const long = forged(JSON.stringify(header));
    new DataView(long.buffer, long.byteOffset).setUint32(12, 0xffff_ffff, true);
    expect(await read(long)).toBe("CHECKPOINT_FILE_DAMAGED");
  });

  test("entries that cannot be there are refused", async () => {
    const good = entries[0] as Entry;
    const wrong: readonly (readonly Entry[])[] = [
      [good, good],
      [entries[1] as Entry, good],
      [[[0, 1, 0, 1, 65], ""]],
      [[[0, 6, 0, 1, 65], ""]],
      [[[0, 2, 0], ""]],
      [[[0, 2, 0, 0, 65], ""]],
      [[[0, 2, 0xff, 0x09, 65], ""]],
      [[[], ""]],
    ];
    for (const [index, of] of wrong.entries()) {
      expect(await read(forged(JSON.stringify(header), of)), `case ${index}`).toBe("CHECKPOINT_FILE_DAMAGED");
    }
  });

  test("a backend that exports out of order is found when it is written; the export is closed on every way out", async () => {
    await expect(write([entries[1] as Entry, entries[0] as Entry])).rejects.toMatchObject({ code: "INTERNAL" });
    const many = Array.from({ length: 2_000 }, (_, index): Entry => [[0, 2, 0, 1, index >> 8, index & 255], "x"]);
    const abort = new AbortController();
    abort.abort(new StateError("CHECKPOINT_TIMEOUT", "given up"));
    await expect(write(many, abort.signal)).rejects.toMatchObject({ code: "CHECKPOINT_TIMEOUT" });
  });
});

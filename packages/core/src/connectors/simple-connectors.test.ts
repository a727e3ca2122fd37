import { describe, expect, test } from "vitest";
import { StateError } from "../errors/index.js";
import type { Source, SourceReader } from "../operators/source.js";
import type { FileSystem, Json } from "../storage/index.js";
import { MemoryFileSystem } from "../storage/memory-file-system.js";
import { collectionSource } from "./collection-source.js";
import { collectSink } from "./collect-sink.js";
import { consoleSink } from "./console-sink.js";
import { generatorSource } from "./generator-source.js";
import { textLinesSource } from "./text-lines-source.js";

const fileSystem = new MemoryFileSystem();

function open<T>(
  source: Source<T>,
  position?: Json,
  files: FileSystem = fileSystem,
  signal = new AbortController().signal,
): Promise<SourceReader<T>> {
  return source.open({ subtask: 0, parallelism: 1, fileSystem: files, signal }, position);
}

async function readAll<T>(reader: SourceReader<T>, places: { position: Json; next: number }[] = []): Promise<T[]> {
  const records: T[] = [];
  places.push({ position: reader.position(), next: 0 });
  for (let batch = await reader.nextBatch(); batch !== undefined; batch = await reader.nextBatch()) {
    expect(batch.length).toBeGreaterThan(0);
    records.push(...batch);
    places.push({ position: reader.position(), next: records.length });
  }
  await reader.close();
  return records;
}

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof StateError ? error.code : String(error)),
  );
}

/** Reads everything, then again from every position on the way; each reading is completed by what came before its position. */
async function readings<T>(source: Source<T>, files: FileSystem): Promise<T[][]> {
  const places: { position: Json; next: number }[] = [];
  const all = await readAll(await open(source, undefined, files), places);
  const rests: T[][] = [all];
  for (const { position, next } of places) rests.push([...all.slice(0, next), ...(await readAll(await open(source, position, files)))]);
  return rests;
}

async function filesWith(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const file = await files.createFile("/lines.txt");
  await file.write(bytes);
  await file.close();
  return files;
}

describe("collectionSource and generatorSource", () => {
  test.each([0, 1, 7, 8, 100])("%i elements, replayed from every position", async (count) => {
    const elements = Array.from({ length: count }, (_, index) => `e${index}`);
    for (const reading of await readings(collectionSource(elements, { batchSize: 8 }), fileSystem)) expect(reading).toEqual(elements);
    const generated = generatorSource({ count, batchSize: 8, record: (index) => `e${index}` });
    for (const reading of await readings(generated, fileSystem)) expect(reading).toEqual(elements);
    expect((await open(collectionSource(elements))).totalRecords).toBe(count);
  });

  test("an endless generator ends by the signal", async () => {
    const controller = new AbortController();
    const reader = await open(
      generatorSource({ count: Number.POSITIVE_INFINITY, record: (index) => index }),
      undefined,
      fileSystem,
      controller.signal,
    );
    expect(reader.totalRecords).toBeUndefined();
    expect(await reader.nextBatch()).toHaveLength(1_024);
    controller.abort(new Error("stop"));
    expect(() => reader.nextBatch()).toThrow("stop");
  });

  test("bad counts, batches, positions and records", async () => {
    for (const count of [-1, 1.5, Number.NaN]) {
      expect(() => generatorSource({ count, record: () => 0 })).toThrow(
        expect.objectContaining({ code: "INVALID_CONFIGURATION" }) as Error,
      );
    }
    expect(() => collectionSource([1], { batchSize: 0 })).toThrow(StateError);
    expect(() => collectionSource("text" as unknown as string[])).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error);
    const source = collectionSource([1, 2, 3]);
    for (const bad of [null, {}, { index: -1 }, { index: "1" }]) expect(await code(open(source, bad))).toBe("CHECKPOINT_DAMAGED");
    expect(await code(open(source, { index: 4 }))).toBe("INPUT_DAMAGED");
    const failing = await open(
      generatorSource({
        count: 5,
        record: (index) => {
          if (index === 3) throw new Error("three");
          return index;
        },
      }),
    );
    expect(() => failing.nextBatch()).toThrow(/index 3: Error: three/u);
    expect(await code(source.open({ subtask: 0, parallelism: 3, fileSystem, signal: new AbortController().signal }, undefined))).toBe(
      "INVALID_CONFIGURATION",
    );
  });
});

describe("textLinesSource", () => {
  const encoder = new TextEncoder();

  test.each([
    ["", []],
    ["\n", [""]],
    ["one", ["one"]],
    ["one\n", ["one"]],
    ["one\r\ntwo\r\n", ["one", "two"]],
    ["a\n\n\r\nb\rc\n\r", ["a", "", "", "b\rc", ""]],
    ["\ufeffé\n✈ Zürich", ["é", "✈ Zürich"]],
  ])("%j", async (text, lines) => {
    for (const batchSize of [1, 2, 100]) {
      const source = textLinesSource({ path: "/lines.txt", batchSize });
      for (const reading of await readings(source, await filesWith(encoder.encode(text)))) expect(reading).toEqual(lines);
    }
  });

  test("lines across pieces and longer than one", async () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => `${index} ${"ü".repeat(index % 400)}`);
    lines.splice(1_500, 0, "y".repeat(900_000));
    const files = await filesWith(encoder.encode(lines.join("\n")));
    expect(await readAll(await open(textLinesSource({ path: "/lines.txt" }), undefined, files))).toEqual(lines);
    const short = textLinesSource({ path: "/lines.txt", maxLineBytes: 899_999 });
    const error = await open(short, undefined, files)
      .then(readAll)
      .catch((thrown: unknown) => thrown as StateError);
    expect(error).toMatchObject({ code: "INPUT_DAMAGED" });
    expect(String(error)).toMatch(/line at byte \d+ of \/lines\.txt is longer than 899999 bytes/u);
  });

  test("text that is not UTF-8, a missing file, positions that are no line's start", async () => {
    const source = textLinesSource({ path: "/lines.txt" });
    const broken = await filesWith(Uint8Array.of(0x61, 0x0a, 0xc3, 0x28, 0x0a));
    const error = await open(source, undefined, broken)
      .then(readAll)
      .catch((thrown: unknown) => thrown as StateError);
    expect(error).toMatchObject({ code: "INPUT_DAMAGED", details: { offset: 2 } });
    expect(await code(open(source, undefined, new MemoryFileSystem()))).toBe("INPUT_UNREADABLE");
    const files = await filesWith(encoder.encode("one\ntwo"));
    for (const offset of [1, 3, 5, 8]) expect(await code(open(source, { offset }, files))).toBe("INPUT_DAMAGED");
    for (const bad of [null, {}, { offset: -1 }]) expect(await code(open(source, bad, files))).toBe("CHECKPOINT_DAMAGED");
  });
});

describe("collectSink and consoleSink", () => {
  const context = { subtask: 0, parallelism: 1, fileSystem };

  test("a restore cuts the array back; a start without one keeps what was there before the sink", async () => {
    const values = [0];
    const sink = collectSink(values);
    const writer = await sink.open(context, undefined);
    writer.write(1, undefined);
    const state = await writer.snapshot(1);
    writer.write(2, undefined);
    (await sink.open(context, state)).write(3, undefined);
    expect(values).toEqual([0, 1, 3]);
    await sink.open(context, undefined);
    expect(values).toEqual([0]);
    for (const bad of [null, { length: -1 }, { length: 2 }]) expect(await code(sink.open(context, bad))).toBe("CHECKPOINT_DAMAGED");
  });

  test("prints a line a value", async () => {
    const lines: string[] = [];
    const writer = await consoleSink<unknown>({ print: (line) => void lines.push(line) }).open(context, undefined);
    for (const value of ["text", { a: 1 }, undefined]) writer.write(value, undefined);
    expect(lines).toEqual(["text", '{"a":1}', "undefined"]);
  });
});

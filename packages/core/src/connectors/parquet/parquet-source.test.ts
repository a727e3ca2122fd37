import { describe, expect, test } from "vitest";
import type { Source, SourceReader } from "../../operators/source.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { FaultyFileSystem } from "../../storage/faulty-file-system.js";
import { isStateError, StateError } from "../../errors/index.js";
import type { FileSystem, Json } from "../../storage/index.js";
import type { ColumnRequest } from "./columns.js";
import { decodeRowGroup, openParquet } from "./decode.js";
import { DecoderThread } from "./decoder-thread.js";
import { parquetSource } from "./parquet-source.js";
import { plainParquet, type FixtureColumn, type FixtureValue } from "./plain-parquet.test.fixture.js";

const schema: readonly FixtureColumn[] = [
  { name: "id", type: "INT64", isRequired: true },
  { name: "at", type: "INT64", annotation: "TIMESTAMP_MICROS" },
  { name: "place", type: "BYTE_ARRAY", annotation: "UTF8" },
  { name: "share", type: "DOUBLE" },
  { name: "late", type: "BOOLEAN" },
  { name: "day", type: "INT32", annotation: "DATE" },
];
const columns = { id: "number", at: "timestamp", place: "string?", share: "number?", late: "boolean", day: "timestamp" } as const;

function row(id: number): FixtureValue[] {
  return [id, BigInt(id) * 1_000n - 1_500n, id % 7 === 0 ? null : `place-${id % 5}`, id % 3 === 0 ? null : id / 4, id % 2 === 0, id];
}

function expected(id: number): unknown {
  return {
    id,
    at: id - 2,
    place: id % 7 === 0 ? null : `place-${id % 5}`,
    share: id % 3 === 0 ? null : id / 4,
    late: id % 2 === 0,
    day: id * 86_400_000,
  };
}

const groupSizes = [50, 0, 1, 70, 33, 0];
const total = 154;

function rowsOf(sizes: readonly number[]): FixtureValue[][][] {
  let next = 0;
  return sizes.map((size) => Array.from({ length: size }, () => row(next++)));
}

const fixture = plainParquet(schema, rowsOf(groupSizes));

async function fileSystemWith(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory("/in");
  const file = await fileSystem.createFile("/in/f.parquet");
  await file.write(bytes);
  await file.close();
  return fileSystem;
}

function open<T>(
  source: Source<T>,
  fileSystem: FileSystem,
  position?: Json,
  signal = new AbortController().signal,
): Promise<SourceReader<T>> {
  return source.open({ subtask: 0, parallelism: 1, fileSystem, signal }, position);
}

async function readAll<T>(reader: SourceReader<T>): Promise<T[]> {
  const records: T[] = [];
  try {
    for (let batch = await reader.nextBatch(); batch !== undefined; batch = await reader.nextBatch()) records.push(...batch);
  } finally {
    await reader.close();
  }
  return records;
}

async function failure(action: () => Promise<unknown>): Promise<StateError> {
  const error = await action().then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  if (isStateError(error)) return error;
  throw error;
}

const source = parquetSource({ path: "/in/f.parquet", columns, batchSize: 8 });

describe("parquetSource", () => {
  test("reads every type, nulls and empty row groups, in order", async () => {
    const reader = await open(source, await fileSystemWith(fixture));
    expect(reader.totalRecords).toBe(total);
    expect(await readAll(reader)).toEqual(Array.from({ length: total }, (_, id) => expected(id)));
  });

  test("goes on exactly behind every position it gives", async () => {
    const fileSystem = await fileSystemWith(fixture);
    const reader = await open(source, fileSystem);
    const places = [{ position: reader.position(), next: 0 }];
    let next = 0;
    for (let batch = await reader.nextBatch(); batch !== undefined; batch = await reader.nextBatch()) {
      next += batch.length;
      places.push({ position: JSON.parse(JSON.stringify(reader.position())) as Json, next });
    }
    await reader.close();
    expect(places.length).toBeGreaterThan(15);
    for (const place of places) {
      const rest = await readAll(await open(source, fileSystem, place.position));
      expect(rest.map((record) => record.id)).toEqual(Array.from({ length: total - place.next }, (_, index) => place.next + index));
    }
  });

  test.each([1, 50, 51, 60, 153, 154, 10_000])("reads only the first %i rows with a limit", async (limit) => {
    const limited = parquetSource({ path: "/in/f.parquet", columns: { id: "number" }, batchSize: 16, limit, record: (r) => r.id });
    const fileSystem = await fileSystemWith(fixture);
    const reader = await open(limited, fileSystem);
    expect(reader.totalRecords).toBe(Math.min(limit, total));
    expect(await readAll(reader)).toEqual(Array.from({ length: Math.min(limit, total) }, (_, id) => id));
    expect(await readAll(await open(limited, fileSystem, reader.position()))).toEqual([]);
  });

  test("reads int64 as bigint and refuses one that a number cannot hold", async () => {
    const large = 2n ** 62n + 1n;
    const fileSystem = await fileSystemWith(plainParquet([{ name: "id", type: "INT64" }], [[[large], [-3n]]]));
    expect(await readAll(await open(parquetSource({ path: "/in/f.parquet", columns: { id: "bigint" } }), fileSystem))).toEqual([
      { id: large },
      { id: -3n },
    ]);
    const error = await failure(async () =>
      readAll(await open(parquetSource({ path: "/in/f.parquet", columns: { id: "number" } }), fileSystem)),
    );
    expect(error.code).toBe("INVALID_CONFIGURATION");
    expect(error.message).toMatch(/f\.parquet.*column id.*declare the column as "bigint"/u);
  });

  test("a null in a column that takes none says how to take it", async () => {
    const error = await failure(async () =>
      readAll(await open(parquetSource({ path: "/in/f.parquet", columns: { place: "string" } }), await fileSystemWith(fixture))),
    );
    expect(error.code).toBe("INVALID_CONFIGURATION");
    expect(error.message).toContain('"string?"');
  });

  test("names the record that `record` failed for", async () => {
    const failing = parquetSource({
      path: "/in/f.parquet",
      columns: { id: "number" },
      record: (r) => {
        if (r.id === 60) throw new Error("sixty");
        return r.id;
      },
    });
    const error = await failure(async () => readAll(await open(failing, await fileSystemWith(fixture))));
    expect(error.code).toBe("USER_FUNCTION");
    expect(error.message).toMatch(/row 60 .*sixty/u);
  });
});

describe("bad input of parquetSource", () => {
  test.each([
    ["no columns", () => parquetSource({ path: "x", columns: {} })],
    ["an unknown type", () => parquetSource({ path: "x", columns: { a: "float" as "number" } })],
    ["a batch size of 0", () => parquetSource({ path: "x", columns, batchSize: 0 })],
    ["a limit of 0", () => parquetSource({ path: "x", columns, limit: 0 })],
  ])("%s", (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_CONFIGURATION" }) as Error);
  });

  test("more than one subtask", async () => {
    const context = { subtask: 0, parallelism: 2, fileSystem: new MemoryFileSystem(), signal: new AbortController().signal };
    expect((await failure(() => source.open(context, undefined))).code).toBe("INVALID_CONFIGURATION");
  });

  test("a missing file, and a read that fails halfway", async () => {
    const missing = await failure(() => open(source, new MemoryFileSystem()));
    expect(missing.code).toBe("INPUT_UNREADABLE");
    expect(missing.message).toContain("/in/f.parquet");
    expect(missing.message).toContain("no such file");
    const inner = await fileSystemWith(fixture);
    for (let failing = 0; ; failing++) {
      let reads = 0;
      const broken = new FaultyFileSystem(inner, (call) =>
        call.operation === "read" && reads++ === failing
          ? { kind: "error", error: new StateError("IO", "EIO: the disk is broken") }
          : undefined,
      );
      const outcome = await open(source, broken)
        .then(readAll)
        .then(
          () => "done",
          (error: StateError) => error.code,
        );
      if (reads <= failing) break;
      expect(outcome).toBe("INPUT_UNREADABLE");
    }
  });

  test.each([0, 1, 3, 4, 7, 8, 11, 12, 100, 1_000, fixture.length - 9, fixture.length - 8, fixture.length - 4, fixture.length - 1])(
    "cut short to %i bytes",
    async (length) => {
      const error = await failure(async () => readAll(await open(source, await fileSystemWith(fixture.slice(0, length)))));
      expect(error.code).toBe("INPUT_DAMAGED");
      expect(error.message).toContain("/in/f.parquet");
    },
  );

  test("bytes missing in the middle, and a file that is no Parquet", async () => {
    const short = new Uint8Array([...fixture.slice(0, 300), ...fixture.slice(900)]);
    expect((await failure(async () => readAll(await open(source, await fileSystemWith(short))))).code).toBe("INPUT_DAMAGED");
    const error = await failure(async () => open(source, await fileSystemWith(new TextEncoder().encode("date,delay\n".repeat(100)))));
    expect(error.code).toBe("INPUT_DAMAGED");
    expect(error.message).toContain("does not begin like a Parquet file");
  });

  test("a missing column, and one of another type", async () => {
    const fileSystem = await fileSystemWith(fixture);
    const missing = await failure(() => open(parquetSource({ path: "/in/f.parquet", columns: { gate: "string" } }), fileSystem));
    expect(missing.code).toBe("INPUT_DAMAGED");
    expect(missing.message).toContain("no column gate; it has id, at, place, share, late, day");
    const other = await failure(() => open(parquetSource({ path: "/in/f.parquet", columns: { at: "string" } }), fileSystem));
    expect(other.code).toBe("INVALID_CONFIGURATION");
    expect(other.message).toContain("INT64 (TIMESTAMP_MICROS)");
  });

  test("positions that are none, outside, or of another file", async () => {
    const fileSystem = await fileSystemWith(fixture);
    const reader = await open(source, fileSystem);
    const good = reader.position() as { footerCrc32: string };
    await reader.close();
    for (const bad of [
      null,
      5,
      [],
      {},
      { ...good, row: -1 },
      { ...good, row: 0.5 },
      { ...good, rowGroup: 7 },
      { ...good, row: 50 },
      { ...good, rowGroup: 6, row: 1 },
    ]) {
      expect((await failure(() => open(source, fileSystem, bad))).code).toBe("CHECKPOINT_DAMAGED");
    }
    const other = await failure(() => open(source, fileSystem, { ...good, footerCrc32: "00000000" }));
    expect(other.code).toBe("INPUT_DAMAGED");
    expect(other.message).toContain("put that file back");
    expect(await readAll(await open(source, fileSystem, { ...good, rowGroup: 6, row: 0 }))).toEqual([]);
  });

  test("flipped bits never hang, crash or change the number of rows", { timeout: 120_000 }, async () => {
    const seed = Number(process.env["TIDEMARK_SEED"] ?? 20_260);
    const random = generator(seed);
    const requests = (Object.keys(columns) as (keyof typeof columns)[]).map((name) => {
      const type: string = columns[name];
      return { name, kind: type.replace("?", "") as "number", nullable: type.endsWith("?") };
    });
    let refused = 0;
    for (let round = 0; round < 1_500; round++) {
      const bytes = fixture.slice();
      for (let flips = 0; flips <= round % 3; flips++) {
        const at = Math.floor(random() * bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      }
      const outcome = await decodeAll(bytes, requests).then(
        () => "complete",
        (error: unknown) => (isStateError(error) ? error.code : String(error)),
      );
      expect(["complete", "INPUT_DAMAGED", "INVALID_CONFIGURATION"], `seed ${seed}, round ${round}`).toContain(outcome);
      if (outcome !== "complete") refused++;
    }
    expect(refused).toBeGreaterThan(300);
  });
});

/** Decodes on this thread and checks that each column has the rows the footer says. */
async function decodeAll(bytes: Uint8Array<ArrayBuffer>, requests: readonly ColumnRequest[]): Promise<void> {
  const file = await openParquet(
    "/in/f.parquet",
    { byteLength: bytes.length, slice: (start, end) => bytes.buffer.slice(start, end) },
    requests,
  );
  for (const [index, rows] of file.summary.rowGroups.entries()) {
    for (const column of await decodeRowGroup(file, index)) if (column.values.length !== rows) throw new Error("wrong number of rows");
  }
}

describe("the decoder thread", () => {
  test("close() while a batch is awaited rejects it; later calls say that the reader is closed", async () => {
    const reader = await open(source, await fileSystemWith(fixture));
    const batch = Promise.resolve(reader.nextBatch());
    const rejected = batch.catch((error: unknown) => error);
    await reader.close();
    await reader.close();
    expect(await rejected).toMatchObject({ code: "DISPOSED" });
    expect(() => reader.nextBatch()).toThrow(expect.objectContaining({ code: "DISPOSED" }) as Error);
  });

  test("an abort ends the wait and every later call", async () => {
    const controller = new AbortController();
    const reader = await open(source, await fileSystemWith(fixture), undefined, controller.signal);
    const rejected = Promise.resolve(reader.nextBatch()).catch(String);
    controller.abort(new Error("stop now"));
    expect(await rejected).toBe("Error: stop now");
    expect(() => reader.nextBatch()).toThrow("stop now");
    await reader.close();
  });

  test.each([
    ["throws", "throw new Error('boom')", /boom/u],
    ["throws when asked", "require('worker_threads').parentPort.on('message', () => { throw new Error('later') })", /later/u],
    ["exits", "process.exit(3)", /code 3/u],
    ["ends without an answer", "require('worker_threads').parentPort.once('message', () => {})", /ended with code 0/u],
    ["is not there", undefined, /npm run build/u],
  ])("a thread that %s is an error, not a hang", async (_, program, message) => {
    const file = await (await fileSystemWith(fixture)).openForRead("/in/f.parquet");
    const url =
      program === undefined
        ? new URL("file:///nowhere/worker.js")
        : new URL(`data:text/javascript,${encodeURIComponent(moduleText(program))}`);
    const decoder = new DecoderThread("/in/f.parquet", file, url);
    const error = await failure(() => decoder.open([]));
    expect(error.code).toBe("INTERNAL");
    expect(error.message).toMatch(message);
    expect((await failure(() => decoder.decode(0))).message).toBe(error.message);
    await decoder.close(undefined);
  });
});

function moduleText(program: string): string {
  return `import { createRequire } from "node:module"; const require = createRequire("file:///"); ${program}`;
}

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

import { copyFileSync, linkSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import type { ImportFile } from "./files.js";
import { contents, failure, open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import type { MergeInput } from "./merge-tables.js";
import { version } from "./native.js";
import type { OpenOptions } from "./options.js";
import { type TestEntry, TestTable } from "./segments.test.support.js";
import { importFileOfWritten, type WrittenTable } from "./written-table.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true };

type Random = (below: number) => number;
type Delta = WrittenTable & { readonly path: string };

afterEach(() => {
  delete process.env["TIDEMARK_FAILPOINT"];
});

const inputOf = ({ path, sizeBytes, uniqueId, sequence, smallestKey }: Delta): MergeInput => ({
  path, sizeBytes, uniqueId, sequence, smallestKey,
});

async function drained(
  database: Database,
  family: number,
  layer: number,
  store: string,
  entries: ReadonlyMap<string, TestEntry>,
): Promise<Delta[]> {
  const table = new TestTable();
  for (const [key, entry] of entries) table.add(key, entry);
  const files: WrittenTable[] = await database.drain(family, table.request(layer, store, `d${layer}`, 4096));
  table.memory.close();
  return files.map((file) => ({ ...file, path: join(store, file.name) }));
}

async function merged(
  database: Database,
  family: number,
  inputs: readonly Delta[],
  filePrefix: string,
  targetFileBytes = 3000,
): Promise<Delta[]> {
  const directory = temporaryDirectory();
  const files = await database.mergeTables(family, { inputs: inputs.map(inputOf), directory, filePrefix, targetFileBytes });
  return files.map((file) => ({ ...file, path: join(directory, file.name) }));
}

/** A database that holds nothing but these files. */
async function imported(files: readonly Delta[], base: readonly ImportFile[] = [], store = ""): Promise<[Database, number]> {
  const directory = temporaryDirectory();
  const entries = files.map((file, index) => ({ ...importFileOfWritten(file), name: `${index}.sst` }));
  for (const [index, { path }] of files.entries()) linkSync(path, join(directory, `${index}.sst`));
  for (const { name } of base) linkSync(join(store, name), join(directory, name));
  const database = await open(temporaryDirectory(), { disableAutoCompactions: true });
  return [database, await database.importFiles("s", "list-append", directory, [...base, ...entries])];
}

/** Changes of one layer: puts, deletions and appended pieces; the model has them too. */
function randomChanges(layer: number, model: Map<string, string>, random: Random): Map<string, TestEntry> {
  const changes = new Map<string, TestEntry>();
  for (let count = random(120); count > 0; count--) {
    const key = random(30) === 0 ? "" : `k${random(150)}${"\0".repeat(random(2))}`;
    if (changes.has(key)) continue;
    const text = `${random(1e6)};`.repeat(1 + random(20));
    const kind = random(4);
    if (kind === 0) {
      changes.set(key, { kind: "value", layer, value: text });
      model.set(key, text);
    } else if (kind === 1) {
      changes.set(key, { kind: "tombstone", layer });
      model.delete(key);
    } else {
      changes.set(key, { kind: "list", layer, pieces: [{ layer, bytes: text }] });
      model.set(key, (model.get(key) ?? "") + text);
    }
  }
  return changes;
}

const sorted = (model: ReadonlyMap<string, string>): [string, string][] =>
  [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

test("random layers, merged again and again between drains, bases and restores, equal a plain map", async () => {
  const seed = testSeed();
  const random = randomNumbers(seed);
  const model = new Map<string, string>();
  let database = await open(temporaryDirectory(), LIST);
  let family = database.columnFamily("s").id;
  let layer = 10;
  for (let generation = 0; generation < 5; generation++) {
    const store = temporaryDirectory();
    const base = await database.pinLiveFiles([family], store);
    // Runs from the oldest to the newest.
    let runs: Delta[][] = [];
    for (let round = 0; round < 12; round++, layer++) {
      const files = await drained(database, family, layer, store, randomChanges(layer, model, random));
      if (files.length > 0) runs.push(files);
      if (random(4) === 0) await database.compactRange(family);
      if (runs.length < 3 || random(2) === 0) continue;
      const start = random(runs.length - 1);
      const end = start + 2 + random(runs.length - start - 1);
      const inputs = runs.slice(start, end).flat().sort(() => random(3) - 1);
      const outputs = await merged(database, family, inputs, `m${layer}`, 1 + random(6000));
      expect(new Set(outputs.map(({ sequence }) => sequence))).toEqual(new Set([Math.max(...inputs.map(({ sequence }) => sequence))]));
      runs = [...runs.slice(0, start), ...(outputs.length === 0 ? [] : [outputs]), ...runs.slice(end)];
    }
    const [restored, restoredFamily] = await imported(runs.flat(), base, store);
    expect([...contents(restored, restoredFamily)], `seed ${seed}, generation ${generation}`).toEqual(sorted(model));
    if (random(2) === 0) await restored.compactRange(restoredFamily);
    expect([...contents(restored, restoredFamily)], `seed ${seed}, compacted`).toEqual(sorted(model));
    await database.close();
    [database, family] = [restored, restoredFamily];
  }
});

describe("one merge", () => {
  const list = (layer: number, bytes: string): TestEntry => ({ kind: "list", layer, pieces: [{ layer, bytes }] });
  const value = (layer: number, text: string): TestEntry => ({ kind: "value", layer, value: text });
  const gone = (layer: number): TestEntry => ({ kind: "tombstone", layer });

  async function threeLayers(): Promise<{ database: Database; deltas: Delta[] }> {
    const database = await open(temporaryDirectory(), LIST);
    const store = temporaryDirectory();
    const layers: [string, TestEntry][][] = [
      [["a", value(1, "1")], ["b", gone(1)], ["c", list(1, "1;")], ["d", value(1, "x")]],
      [["a", list(2, "2;")], ["b", list(2, "2;")], ["c", list(2, "2;")], ["d", gone(2)]],
      [["a", list(3, "3;")], ["c", list(3, "3;")], ["e", gone(3)]],
    ];
    const deltas: Delta[] = [];
    for (const [index, changes] of layers.entries()) deltas.push(...(await drained(database, 1, index + 1, store, new Map(changes))));
    return { database, deltas };
  }

  test("appends are joined with what they are appended to or with each other, deletions stay, and files are described", async () => {
    const { database, deltas } = await threeLayers();
    const [file, ...others] = await merged(database, 1, deltas, "m");
    expect(others).toEqual([]);
    const { sequence } = deltas.at(-1) as Delta;
    expect(file).toMatchObject({ name: "m-0.sst", sequence, entryCount: 5, deletionCount: 2, smallestKey: "61", largestKey: "65" });
    expect(file?.sizeBytes).toBe(readFileSync((file as Delta).path).length);
    // Over older contents: c is appended to, d and e are gone.
    const store = temporaryDirectory();
    const older = await open(temporaryDirectory(), LIST);
    const below = await drained(older, 1, 1, store, new Map(["a", "b", "c", "d", "e"].map((key) => [key, value(1, "old;")])));
    const [restored, family] = await imported([...below.map((each) => ({ ...each, sequence: 0 })), file as Delta]);
    expect([...contents(restored, family)]).toEqual([["a", "12;3;"], ["b", "2;"], ["c", "old;1;2;3;"]]);
    const [live] = restored.liveFiles(family).filter(({ uniqueId }) => uniqueId === file?.uniqueId);
    expect(live).toMatchObject({ smallestInternalKey: file?.smallestInternalKey, largestInternalKey: file?.largestInternalKey });
  });

  test("an input that is cut short, altered, another file or not drained is refused, and nothing stays", async () => {
    const { database, deltas } = await threeLayers();
    const directory = temporaryDirectory();
    const attempt = async (change: (input: MergeInput) => Partial<MergeInput>): Promise<string> => {
      const inputs = deltas.map(inputOf);
      const first = inputs[0] as MergeInput;
      const copy = join(temporaryDirectory(), "copy.sst");
      copyFileSync(first.path, copy);
      const target = { ...first, path: copy };
      inputs[0] = { ...target, ...change(target) };
      return (await failure(() => database.mergeTables(1, { inputs, directory, filePrefix: "m", targetFileBytes: 1 }))).code;
    };
    expect(await attempt(({ path, sizeBytes }) => (truncateSync(path, sizeBytes - 1), {}))).toBe("STATE_CORRUPT");
    expect(await attempt(({ path }) => (flip(path, 4), {}))).toBe("STATE_CORRUPT");
    expect(await attempt(({ path, sizeBytes }) => (flip(path, sizeBytes - 3), {}))).toBe("STATE_CORRUPT");
    expect(await attempt(() => ({ uniqueId: deltas[1]?.uniqueId as string }))).toBe("STATE_CORRUPT");
    expect(await attempt(() => ({ path: "/nowhere/at-all.sst" }))).toBe("IO");
    expect(await attempt(() => ({ sequence: deltas[1]?.sequence as number }))).toBe("STATE_CORRUPT");
    await database.compactRange(1);
    const store = temporaryDirectory();
    const [base] = await database.pinLiveFiles([1], store);
    const other = { path: join(store, base?.name as string), sizeBytes: base?.sizeBytes as number, uniqueId: base?.uniqueId as string };
    expect(await attempt(() => other)).toBe("INVALID_ARGUMENT");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("bad arguments are refused", async () => {
    const { database, deltas } = await threeLayers();
    const request = { inputs: deltas.map(inputOf), directory: temporaryDirectory(), filePrefix: "m", targetFileBytes: 1 };
    for (const bad of [{ inputs: [] }, { directory: "/nowhere" }, { filePrefix: "a/b" }, { targetFileBytes: 0 }]) {
      expect((await failure(() => database.mergeTables(1, { ...request, ...bad }))).code).toBe("INVALID_ARGUMENT");
    }
    writeFileSync(join(request.directory, "m-0.sst"), "mine");
    expect((await failure(() => database.mergeTables(1, request))).code).toBe("INVALID_ARGUMENT");
    expect(readdirSync(request.directory)).toEqual(["m-0.sst"]);
  });

  test("cancelled and closed, it leaves nothing", async () => {
    const { database, deltas } = await threeLayers();
    const directory = temporaryDirectory();
    const begin = (filePrefix: string): Promise<string> =>
      database.mergeTables(1, { inputs: deltas.map(inputOf), directory, filePrefix, targetFileBytes: 1 }).then(
        () => "done",
        (error: { code: string }) => error.code,
      );
    const merges = Array.from({ length: 20 }, (_, index) => begin(`m${index}`));
    database.cancelMerges();
    const outcomes = await Promise.all(merges);
    expect(outcomes).toContain("DISPOSED");
    const after = Array.from({ length: 20 }, (_, index) => begin(`n${index}`));
    const closing = database.close();
    expect(await Promise.all(after)).toContain("DISPOSED");
    await closing;
    const done = outcomes.filter((outcome) => outcome === "done").length;
    expect(readdirSync(directory).filter((name) => name.startsWith("m")).length).toBe(done);
  });

  test.skipIf(version().binding === "release")("an error at a failpoint leaves no file (skipped with the release binding)", async () => {
    const { database, deltas } = await threeLayers();
    const directory = temporaryDirectory();
    const request = { inputs: deltas.map(inputOf), directory, filePrefix: "m", targetFileBytes: 1 };
    for (const point of ["merge-opened", "merge-finished"]) {
      process.env["TIDEMARK_FAILPOINT"] = `${point}:error`;
      expect((await failure(() => database.mergeTables(1, request))).message).toContain(point);
      expect(readdirSync(directory)).toEqual([]);
    }
    delete process.env["TIDEMARK_FAILPOINT"];
    expect((await database.mergeTables(1, request)).length).toBe(1);
  });
});

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset] = (bytes[offset] as number) ^ 0x10;
  writeFileSync(path, bytes);
}

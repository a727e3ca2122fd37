import { expect, test } from "vitest";
import { bytes, contents, open, read, temporaryDirectory, text } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { type TestEntry, TestTable } from "./segments.test.support.js";
import type { Database } from "./database.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }] };
const keys = ["appended", "replaced", "removed", "untouched"];

async function drain(database: Database, family: number, layer: number, entries: Readonly<Record<string, TestEntry>>): Promise<void> {
  const table = new TestTable();
  for (const [key, entry] of Object.entries(entries)) table.add(key, entry);
  await database.drain(family, table.request(layer, temporaryDirectory(), "f"));
  table.memory.close();
}

/** A column family imported into a new database, with the files of a fully compacted one: all entries have the sequence number 0. */
async function importedCompacted(): Promise<{ readonly database: Database; readonly family: number }> {
  const source = await open(temporaryDirectory(), LIST);
  await drain(source, 1, 1, Object.fromEntries(keys.map((key) => [key, { kind: "value", layer: 1, value: "old;" }])));
  await source.compactRange(1);
  const directory = temporaryDirectory();
  const files = await source.pinLiveFiles([1], directory);
  expect(files.map(({ largestSequence }) => largestSequence)).toEqual([0]);
  const database = await open(temporaryDirectory());
  return { database, family: await database.importSources("s", "list-append", [{ directory, files }]) };
}

test("rule 4: a snapshot of imported, fully compacted entries shows them after the next layer was drained and compacted", async () => {
  const { database, family } = await importedCompacted();
  const snapshot = database.takeSnapshot();
  await drain(database, family, 2, {
    appended: { kind: "list", layer: 2, pieces: [{ layer: 2, bytes: "new;" }] },
    replaced: { kind: "value", layer: 2, value: "new;" },
    removed: { kind: "tombstone", layer: 2 },
  });
  const expectBoth = (): void => {
    for (const key of keys) expect(text(database.getValue(family, bytes(key), snapshot)), key).toBe("old;");
    expect(Object.fromEntries(contents(database, family))).toEqual({ appended: "old;new;", replaced: "new;", untouched: "old;" });
  };
  expectBoth();
  await database.compactRange(family);
  expectBoth();
  const seen = Array.from(database.iterator(family, { snapshot }), ({ key, value }) => [text(key), text(value)]);
  expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(keys.map((key) => [key, "old;"])));
  snapshot.release();
  await database.compactRange(family);
  expect(read(database, family, "appended")).toBe("old;new;");
});

test("an import leaves nothing in the default column family, nor a sequence number higher than it needs", async () => {
  const { database, family } = await importedCompacted();
  expect(database.latestSequenceNumber()).toBe(1);
  expect([...contents(database, 0)]).toEqual([]);
  await database.createColumnFamily("empty", "list-append");
  expect(database.latestSequenceNumber()).toBe(1);
  expect(database.liveFiles(0)).toEqual([]);
  expect(contents(database, family).size).toBe(keys.length);
});

import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import { importFileOf, type FlushOutput, type ImportFile, type LiveFile } from "./files.js";
import {
  bytes, contents, failure, open, put, randomNumbers, subdirectory, temporaryDirectory, testSeed,
} from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { WriteBatch } from "./write-batch.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }], disableAutoCompactions: true };

/** A private directory with links of the files, as an import wants it. */
function stage(files: readonly ImportFile[], store: string): string {
  const directory = temporaryDirectory();
  for (const { name } of files) linkSync(join(store, name), join(directory, name));
  return directory;
}

function randomWrites(database: Database, family: number, model: Map<string, string>, random: (below: number) => number): void {
  const batch = new WriteBatch();
  for (let count = 0; count < 100; count++) {
    const key = `k${random(200)}`;
    const value = `${random(100_000)};`;
    const kind = random(12);
    if (kind < 5) {
      batch.put(family, bytes(key), bytes(value));
      model.set(key, value);
    } else if (kind < 8) {
      batch.merge(family, bytes(key), bytes(value));
      model.set(key, (model.get(key) ?? "") + value);
    } else if (kind < 11) {
      batch.delete(family, bytes(key));
      model.delete(key);
    } else {
      const to = `k${random(200)}`;
      const [low, high] = key < to ? [key, to] : [to, key];
      batch.deleteRange(family, bytes(low), bytes(high));
      for (const one of model.keys()) if (one >= low && one < high) model.delete(one);
    }
  }
  database.write(batch);
}

test("flushes that come faster than RocksDB can take them all end well", async () => {
  const database = await open(temporaryDirectory(), { maxWriteBufferNumber: 2 });
  const flushes: Promise<void>[] = [];
  for (let round = 0; round < 60; round++) {
    put(database, 0, `k${round}`, "v");
    flushes.push(database.flush([0]));
  }
  await Promise.all(flushes);
  expect(contents(database, 0).size).toBe(60);
});

describe("flush", () => {
  test("rule 3: every flush is recorded up to the last write, range deletes and merges included, when it resolves", async () => {
    const store = temporaryDirectory();
    const database = await open(temporaryDirectory(), LIST);
    const family = database.columnFamily("s").id;
    database.setFlushLinkDirectory(store);
    const last: ((batch: WriteBatch) => void)[] = [
      (batch) => batch.put(family, bytes("a"), bytes("1")),
      (batch) => batch.delete(family, bytes("never there")),
      (batch) => batch.merge(family, bytes("a"), bytes("2")),
      (batch) => batch.deleteRange(family, bytes("a"), bytes("b")),
      (batch) => batch.deleteRange(family, bytes("x"), bytes("x")),
    ];
    for (let round = 0; round < 40; round++) {
      const batch = new WriteBatch();
      batch.put(family, bytes("b"), bytes("1"));
      batch.put(0, bytes("other family"), bytes("1"));
      last[round % last.length]?.(batch);
      database.write(batch);
      const expected = database.latestSequenceNumber();
      await database.flush([0, family]);
      const outputs = database.takeFlushOutputs();
      expect(outputs.map((output) => output.columnFamily).sort()).toEqual(["default", "s"]);
      expect(Math.max(...outputs.map((output) => output.largestSequence))).toBe(expected);
      for (const output of outputs) {
        expect(output).toMatchObject({ isLinked: true, linkErrno: 0 });
        expect(statSync(join(store, output.name)).size).toBe(output.sizeBytes);
        expect(output.uniqueId).toMatch(/^[0-9a-f]{32}$/);
        expect(output.checksum).toMatch(/^[0-9a-f]{8}$/);
      }
    }
  });

  test("with nothing to flush resolves and records nothing; two at once both resolve", async () => {
    const database = await open(temporaryDirectory(), LIST);
    await database.flush([]);
    await database.flush([0, 1]);
    expect(database.takeFlushOutputs()).toEqual([]);
    put(database, 0, "a", "1");
    await Promise.all([database.flush([0]), database.flush([0]), database.flush([0])]);
    expect(database.takeFlushOutputs()).toHaveLength(1);
    expect((await failure(() => database.flush([9]))).code).toBe("INVALID_ARGUMENT");
  });

  test("the checksum is the file's crc32c", async () => {
    const database = await open(temporaryDirectory());
    const store = temporaryDirectory();
    database.setFlushLinkDirectory(store);
    put(database, 0, "a", "1");
    await database.flush([0]);
    const [output] = database.takeFlushOutputs() as [FlushOutput];
    let crc = 0xffffffff;
    for (const byte of readFileSync(join(store, output.name))) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    expect(output.checksum).toBe(((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0"));
    expect(database.liveFiles(0)[0]).toMatchObject({ uniqueId: output.uniqueId, checksum: output.checksum, level: 0 });
  });

  test("a failed link is reported, not lost", async () => {
    const database = await open(temporaryDirectory());
    const store = temporaryDirectory();
    database.setFlushLinkDirectory(store);
    put(database, 0, "a", "1");
    await database.flush([0]);
    const [first] = database.takeFlushOutputs() as [FlushOutput];
    const next = `${String(Number.parseInt(first.name, 10) + 1).padStart(6, "0")}.sst`;
    // Other files of that name, so that the next link finds its name taken.
    for (let number = 0; number < 20; number++) {
      const name = `${String(Number.parseInt(next, 10) + number).padStart(6, "0")}.sst`;
      writeFileSync(join(store, name), "taken");
    }
    put(database, 0, "a", "2");
    await database.flush([0]);
    expect(database.takeFlushOutputs()[0]).toMatchObject({ isLinked: false, linkErrno: 17 });
    database.setFlushLinkDirectory(undefined);
    put(database, 0, "a", "3");
    await database.flush([0]);
    expect(database.takeFlushOutputs()[0]).toMatchObject({ isLinked: false, linkErrno: 0 });
    expect((await failure(() => database.setFlushLinkDirectory("/no/such/directory"))).code).toBe("INVALID_ARGUMENT");
  });
});

describe("pin and import", () => {
  test("pinned files outlive compactions and give equal contents", async () => {
    const database = await open(temporaryDirectory(), LIST);
    const family = database.columnFamily("s").id;
    const random = randomNumbers(7);
    const model = new Map<string, string>();
    for (let round = 0; round < 5; round++) {
      randomWrites(database, family, model, random);
      await database.flush([family]);
      if (round === 2) await database.compactRange(family);
    }
    const store = temporaryDirectory();
    const files = await database.pinLiveFiles([family], store);
    expect(new Set(files.map(({ level }) => level)).size).toBeGreaterThan(1);
    const again = await database.pinLiveFiles([family], store);
    expect(again.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
    await database.compactRange(family);
    const target = await open(temporaryDirectory(), { disableAutoCompactions: true });
    const staging = stage(files, store);
    const imported = await target.importFiles("s", "list-append", staging, files);
    expect(readdirSync(staging)).toEqual([]);
    expect(contents(target, imported)).toEqual(model);
    expect(contents(database, family)).toEqual(model);
    expect(target.liveFiles(imported).map(({ uniqueId }) => uniqueId).sort()).toEqual(files.map(({ uniqueId }) => uniqueId).sort());
    expect(target.latestSequenceNumber()).toBe(Math.max(...files.map(({ largestSequence }) => largestSequence)));
  });

  test("rules 3 and 12: base + deltas equal the model over generations of checkpoint, restore and going on", async () => {
    const seed = testSeed();
    const random = randomNumbers(seed);
    const model = new Map<string, string>();
    let database = await open(temporaryDirectory(), LIST);
    let family = database.columnFamily("s").id;
    for (let generation = 0; generation < 4; generation++) {
      const store = temporaryDirectory();
      randomWrites(database, family, model, random);
      if (random(2) === 0) await database.compactRange(family);
      await database.flush([family]);
      database.takeFlushOutputs();
      const chain: ImportFile[] = await database.pinLiveFiles([family], store);
      database.setFlushLinkDirectory(store);
      for (let delta = 0; delta < 5; delta++) {
        randomWrites(database, family, model, random);
        await database.flush([family]);
        chain.push(...database.takeFlushOutputs().map(importFileOf));
        if (random(3) === 0) await database.compactRange(family);
      }
      const restored = await open(temporaryDirectory(), { disableAutoCompactions: true });
      family = await restored.importFiles("s", "list-append", stage(chain, store), chain);
      expect(contents(restored, family), `seed ${seed}, generation ${generation}`).toEqual(model);
      await restored.compactRange(family);
      expect(contents(restored, family), `seed ${seed}, compacted`).toEqual(model);
      await database.close();
      database = restored;
    }
  });

  test("an import that cannot work says why and leaves the database usable", async () => {
    const database = await open(temporaryDirectory());
    put(database, 0, "a", "1");
    await database.flush([0]);
    const store = temporaryDirectory();
    const [file] = (await database.pinLiveFiles([0], store)) as [LiveFile];
    const attempt = (change: Partial<ImportFile>, directory = stage([file], store)): Promise<unknown> =>
      database.importFiles("n", "none", directory, [{ ...file, ...change }]);
    for (const change of [
      { name: "../x" }, { name: "" }, { level: 7 }, { level: -1 }, { sizeBytes: 0.5 }, { smallestSequence: 9, largestSequence: 3 },
      { smallestInternalKey: "zz" }, { largestInternalKey: "61" }, { smallestInternalKey: "" },
    ]) {
      expect((await failure(() => attempt(change))).code, JSON.stringify(change)).toBe("INVALID_ARGUMENT");
    }
    expect((await failure(() => attempt({ name: "missing.sst" }))).code).toBe("IO");
    const mismatch = await failure(() => attempt({ sizeBytes: file.sizeBytes + 1 }));
    expect(mismatch.code).toBe("STATE_CORRUPT");
    expect(mismatch.message).toContain(`${file.sizeBytes} bytes instead of ${file.sizeBytes + 1}`);
    const damaged = temporaryDirectory();
    writeFileSync(join(damaged, file.name), Buffer.alloc(file.sizeBytes));
    expect((await failure(() => attempt({}, damaged))).code).toBe("STATE_CORRUPT");
    expect((await failure(() => database.importFiles("n", "none", damaged, [file, file]))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => database.importFiles("", "none", "", []))).code).toBe("INVALID_ARGUMENT");
    const both = await Promise.allSettled([database.createColumnFamily("twice"), database.createColumnFamily("twice")]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const family = await database.importFiles("n", "none", stage([file], store), [file]);
    expect(contents(database, family)).toEqual(new Map([["a", "1"]]));
  });

  test("a pin that fails leaves nothing behind and deletions on", async () => {
    const database = await open(temporaryDirectory(), { disableAutoCompactions: true });
    for (const value of ["1", "2"]) {
      put(database, 0, "a", value);
      await database.flush([0]);
    }
    const store = temporaryDirectory();
    const names = database.liveFiles(0).map(({ name }) => name);
    writeFileSync(join(store, names[1] as string), "taken");
    expect((await failure(() => database.pinLiveFiles([0], store))).code).toBe("IO");
    expect(readdirSync(store)).toEqual([names[1]]);
    expect((await failure(() => database.pinLiveFiles([0], "/no/such/directory"))).code).toBe("IO");
    expect(database.property(0, "rocksdb.is-file-deletions-enabled")).toBe("1");
  });
});

describe("damage", () => {
  test.skipIf(!existsSync("/dev/full"))("a full disk is NO_SPACE; after resume nothing is lost", async () => {
    const path = temporaryDirectory();
    const database = await open(path, LIST);
    put(database, 0, "before", "1");
    await database.flush([0]);
    database.takeFlushOutputs();
    // Whatever number the next table file gets, it is written to a device that is always full.
    const traps = Array.from({ length: 300 }, (_, number) => join(path, `${String(number).padStart(6, "0")}.sst`));
    const set = traps.filter((trap) => !existsSync(trap));
    for (const trap of set) symlinkSync("/dev/full", trap);
    put(database, 0, "during", "2");
    const error = await failure(() => database.flush([0]));
    expect(error.code).toBe("NO_SPACE");
    expect(database.takeFlushOutputs()).toEqual([]);
    for (const trap of set) rmSync(trap, { force: true });
    await database.resume();
    put(database, 0, "after", "3");
    await database.flush([0]);
    expect(database.takeFlushOutputs().length).toBeGreaterThan(0);
    await database.close();
    expect([...contents(await open(path, LIST), 0).keys()]).toEqual(["after", "before", "during"]);
  });

  test("a damaged block and a truncated file are STATE_CORRUPT, in get, iterator and open", async () => {
    const path = temporaryDirectory();
    const database = await open(path, { bloomBitsPerKey: 0 });
    const batch = new WriteBatch();
    for (let index = 0; index < 1000; index++) batch.put(0, bytes(`key${index}`), bytes("value".repeat(10)));
    database.write(batch);
    await database.flush([0]);
    const [file] = database.liveFiles(0) as [LiveFile];
    await database.close();
    const sst = join(subdirectory(path, "."), file.name);
    const whole = readFileSync(sst);
    const damaged = Buffer.from(whole);
    damaged[100] = (damaged[100] as number) ^ 1;
    writeFileSync(sst, damaged);
    const reopened = await open(path);
    expect((await failure(() => reopened.get(0, bytes("key0")))).code).toBe("STATE_CORRUPT");
    expect((await failure(() => [...reopened.iterator(0)])).code).toBe("STATE_CORRUPT");
    await reopened.close();
    truncateSync(sst, whole.length - 10);
    expect((await failure(() => open(path))).code).toBe("STATE_CORRUPT");
    writeFileSync(sst, whole);
    expect(contents(await open(path), 0).size).toBe(1000);
  });
});

import { linkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Database } from "./database.js";
import type { LiveFile } from "./files.js";
import { contents, failure, open, randomNumbers, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import type { OpenOptions } from "./options.js";
import { TestTable } from "./segments.test.support.js";

const LIST: OpenOptions = { columnFamilies: [{ name: "s", mergeOperator: "list-append" }] };
const keyGroups = 12;

const keyOf = (keyGroup: number, index: number): string => `${String.fromCharCode(0, keyGroup)}k${String(index).padStart(2, "0")}`;
const keyGroupOf = (key: string): number => key.charCodeAt(0) * 256 + key.charCodeAt(1);
const latin1 = (value: Uint8Array): string => Buffer.from(value).toString("latin1");
const isOwn = (key: string, first: number, last: number): boolean => keyGroupOf(key) >= first && keyGroupOf(key) <= last;

function within(entries: Iterable<[string, string]>, first: number, last: number): Map<string, string> {
  return new Map([...entries].filter(([key]) => isOwn(key, first, last)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A layer of random values, tombstones and list pieces, on keys of some key groups. */
async function drainRandom(
  database: Database,
  family: number,
  model: Map<string, string>,
  layer: number,
  random: (below: number) => number,
  isWritten: (key: string) => boolean = () => true,
): Promise<void> {
  const table = new TestTable();
  for (let index = random(4); index < keyGroups * 20; index += 1 + random(6)) {
    const key = keyOf(Math.floor(index / 20), index % 20);
    if (!isWritten(key)) continue;
    const value = `${layer}.${random(1000)};`;
    const kind = (["value", "tombstone", "list"] as const)[random(3)];
    if (kind === "value") model.set(key, value);
    else if (kind === "tombstone") model.delete(key);
    else model.set(key, (model.get(key) ?? "") + value);
    if (kind === "tombstone") table.add(key, { kind, layer });
    else if (kind === "value") table.add(key, { kind, layer, value });
    else table.add(key, { kind: "list", layer, pieces: [{ layer, bytes: value }] });
  }
  await database.drain(family, table.request(layer, temporaryDirectory(), "f"));
  table.memory.close();
}

async function exported(database: Database, family: number): Promise<{ readonly directory: string; readonly files: LiveFile[] }> {
  const directory = temporaryDirectory();
  return { directory, files: await database.pinLiveFiles([family], directory) };
}

test("rule 23: compactions drop other key groups and nothing else, over layers, compactions and snapshots", async () => {
  const seed = testSeed();
  const random = randomNumbers(seed);
  for (let round = 0; round < 6; round += 1) {
    const whole = await open(temporaryDirectory(), LIST);
    const model = new Map<string, string>();
    for (let layer = 1; layer < 7; layer += 1) {
      await drainRandom(whole, 1, model, layer, random);
      if (random(3) === 0) await whole.compactRange(1);
    }
    const source = await exported(whole, 1);
    await whole.close();
    const first = random(keyGroups);
    const last = first + random(keyGroups - first);
    const part = await open(temporaryDirectory(), {});
    const directory = temporaryDirectory();
    for (const { name } of source.files) linkSync(join(source.directory, name), join(directory, name));
    const family = await part.importSources("s", "list-append", [{ directory, files: source.files }]);
    part.keepKeyGroups(family, first, last);
    const expectRight = (): void =>
      expect(within(contents(part, family), first, last), `seed ${seed}, round ${round}, ${first} to ${last}`).toEqual(
        within(model, first, last),
      );
    expectRight();
    for (let layer = 10; layer < 16; layer += 1) {
      const snapshot = part.takeSnapshot();
      const before = within(model, first, last);
      await drainRandom(part, family, model, layer, random, (key) => isOwn(key, first, last));
      if (random(2) === 0) await part.compactRange(family);
      expectRight();
      // Of the key groups that are kept: filters ignore snapshots.
      const found = Array.from(part.iterator(family, { snapshot }), ({ key, value }) => [latin1(key), latin1(value)] as [string, string]);
      expect(within(found, first, last), `seed ${seed}, round ${round}, layer ${layer}, by its snapshot`).toEqual(before);
      snapshot.release();
    }
    await part.compactRange(family);
    expect([...contents(part, family)].filter(([key]) => !isOwn(key, first, last))).toEqual([]);
    expectRight();
    for (const file of part.liveFiles(family)) {
      const groups = [file.smallestKey, file.largestKey].map((key) => Number.parseInt(key.slice(0, 4), 16));
      expect(groups.every((group) => group >= first && group <= last), `seed ${seed}`).toBe(true);
    }
    await part.close();
  }
});

/** Waits until compaction has nothing more to do. */
async function settled(database: Database, family: number): Promise<void> {
  const isBusy = (): boolean =>
    ["num-running-compactions", "compaction-pending"].some((name) => database.property(family, `rocksdb.${name}`) !== "0");
  for (let quiet = 0; quiet < 5; quiet = isBusy() ? 0 : quiet + 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("what compaction does anyway takes the other key groups of imported layers away; without a range they stay", async () => {
  const left: number[] = [];
  for (const isKept of [true, false]) {
    const whole = await open(temporaryDirectory(), { ...LIST, disableAutoCompactions: true });
    const random = randomNumbers(5);
    const model = new Map<string, string>();
    await drainRandom(whole, 1, model, 1, random);
    await whole.compactRange(1);
    for (let layer = 2; layer < 12; layer += 1) await drainRandom(whole, 1, model, layer, random);
    const { directory, files } = await exported(whole, 1);
    const part = await open(temporaryDirectory(), {});
    const family = await part.importSources("s", "list-append", [{ directory, files }]);
    if (isKept) part.keepKeyGroups(family, 0, 5);
    // One that began before the range was known would be the end of it: the next layers bring another.
    for (let layer = 20; layer < 26; layer += 1) await drainRandom(part, family, model, layer, random, (key) => isOwn(key, 0, 5));
    await settled(part, family);
    expect(within(contents(part, family), 0, 5)).toEqual(within(model, 0, 5));
    left.push([...contents(part, family)].filter(([key]) => !isOwn(key, 0, 5)).length);
  }
  const [withRange = -1, without = -1] = left;
  expect(without).toBeGreaterThan(50);
  expect(withRange).toBeLessThan(without / 4);
});

test("without a range nothing goes; keys too short to have a key group and those above all key groups stay", async () => {
  const database = await open(temporaryDirectory(), LIST);
  const odd = ["\u0000", "\u0080\u0000x", "\u00ff\u00ff\u00ff"];
  const left = (): string[] => Array.from(database.iterator(1), ({ key }) => Buffer.from(key).toString("latin1"));
  const table = new TestTable();
  for (const key of [...odd, keyOf(3, 0), keyOf(4, 0), keyOf(5, 0)]) table.add(key, { kind: "value", layer: 1, value: "v" });
  await database.drain(1, table.request(1, temporaryDirectory(), "f"));
  table.memory.close();
  await database.compactRange(1);
  expect(left()).toEqual([keyOf(3, 0), keyOf(4, 0), keyOf(5, 0), ...odd].sort());
  database.keepKeyGroups(1, 4, 4);
  await database.compactRange(1);
  expect(left()).toEqual([keyOf(4, 0), ...odd].sort());
});

test("a range that is none is refused", async () => {
  const database = await open(temporaryDirectory(), LIST);
  for (const [first, last] of [[2, 1], [-1, 3], [0, 0x8000], [0.5, 2], [0, Number.NaN]] as const) {
    expect(await failure(() => database.keepKeyGroups(1, first, last)), `${first} to ${last}`).toMatchObject({ code: "INVALID_ARGUMENT" });
  }
  expect(await failure(() => database.keepKeyGroups(9, 0, 1))).toMatchObject({ code: "INVALID_ARGUMENT" });
});

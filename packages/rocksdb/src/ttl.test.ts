import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import { failure, open, randomNumbers, subdirectory, temporaryDirectory, testSeed } from "./fixtures.test.support.js";
import { concatenate, element, elementsOf, keyOf, LASTING, LIST, stamped, TTL_MS, VALUE } from "./ttl.test.support.js";
import type { OpenOptions } from "./options.js";
import { WriteBatch } from "./write-batch.js";

const STATES = [
  { stateId: VALUE, ttlMs: TTL_MS, kind: "value" },
  { stateId: LIST, ttlMs: TTL_MS, kind: "list" },
] as const;

interface Opened {
  readonly database: Database;
  readonly family: number;
}

async function openExpiring(options: OpenOptions = { disableAutoCompactions: true }): Promise<Opened> {
  const database = await open(temporaryDirectory(), options);
  const family = await database.createColumnFamily("state", "list-append");
  database.setTtl(family, STATES);
  return { database, family };
}

function write(database: Database, fill: (batch: WriteBatch) => void): void {
  const batch = new WriteBatch();
  fill(batch);
  database.write(batch);
}

/** What a table file takes beside its entries, about. */
const fileOverheadBytes = 1200;

const entryCount = ({ database, family }: Opened): number => database.liveFiles(family).reduce((sum, file) => sum + file.entryCount, 0);

async function compact({ database, family }: Opened): Promise<void> {
  await database.flush([family]);
  await database.compactRange(family);
}

describe("rule 9: compactions remove what is expired", () => {
  test("values at their time and not before; other states, short keys and future times stay", async () => {
    const opened = await openExpiring();
    const { database, family } = opened;
    const short = new Uint8Array([0, 3, 0]);
    const lasting = [keyOf(LASTING, "a"), short, keyOf(VALUE, "future"), keyOf(VALUE + 256, "a"), keyOf(0xffff, "timer")];
    write(database, (batch) => {
      for (const key of lasting) batch.put(family, key, stamped(5000, "x"));
      for (let index = 0; index < 50; index++) batch.put(family, keyOf(VALUE, `k${index}`), stamped(1000 + index, "x"));
    });
    await compact(opened);
    expect(entryCount(opened)).toBe(55);
    database.setTtlClock(1099);
    await compact(opened);
    expect(entryCount(opened)).toBe(55);
    database.setTtlClock(1109);
    await compact(opened);
    expect(entryCount(opened)).toBe(45);
    expect(database.getValue(family, keyOf(VALUE, "k9"))).toBeUndefined();
    expect(database.getValue(family, keyOf(VALUE, "k10"))).toEqual(stamped(1010, "x"));
    database.setTtlClock(5099);
    database.setTtlClock(1);
    await compact(opened);
    for (const key of lasting) expect(database.getValue(family, key)).toEqual(stamped(5000, "x"));
    expect(entryCount(opened)).toBe(lasting.length);
    expect(database.ttlStatistics()).toEqual({ removed: 50, malformed: 0 });
  });

  test("list elements one by one, in values and in merge operands; the empty list goes", async () => {
    const opened = await openExpiring();
    const { database, family } = opened;
    const key = keyOf(LIST, "mixed");
    const [old, young, long] = [element(1000, "old"), element(1150, "young"), element(1160, "y".repeat(300))];
    write(database, (batch) => {
      batch.put(family, key, concatenate([old, young, old]));
      batch.put(family, keyOf(LIST, "gone"), concatenate([old, old]));
      batch.merge(family, keyOf(LIST, "operands"), old);
      batch.merge(family, keyOf(LIST, "operands gone"), old);
    });
    await database.flush([family]);
    write(database, (batch) => {
      batch.merge(family, key, concatenate([old, long]));
      batch.merge(family, keyOf(LIST, "operands"), concatenate([old, young]));
      batch.merge(family, keyOf(LIST, "operands gone"), old);
      batch.merge(family, keyOf(LIST, "gone"), old);
    });
    database.setTtlClock(1100);
    await compact(opened);
    expect(database.getValue(family, key)).toEqual(concatenate([young, long]));
    expect(database.getValue(family, keyOf(LIST, "operands"))).toEqual(young);
    expect(entryCount(opened)).toBe(2);
    database.setTtlClock(1255);
    await compact(opened);
    expect(database.getValue(family, key)).toEqual(long);
    expect(entryCount(opened)).toBe(1);
  });

  test("a list that is appended to between all compactions does not grow", async () => {
    const { database, family } = await openExpiring({ level0CompactionTrigger: 2 });
    const payload = "x".repeat(1000);
    for (let round = 0; round < 60; round++) {
      database.setTtlClock(1000 + round * 50);
      write(database, (batch) => batch.merge(family, keyOf(LIST, "hot"), element(1000 + round * 50, payload)));
      await database.flush([family]);
    }
    // Compactions that RocksDB starts by itself see new operands every time, never the list alone.
    const isBusy = (name: string): boolean => database.property(family, `rocksdb.${name}`) !== "0";
    while (isBusy("compaction-pending") || isBusy("num-running-compactions")) await new Promise(setImmediate);
    const elementBytes = database.liveFiles(family).reduce((sum, file) => sum + file.sizeBytes - fileOverheadBytes, 0);
    expect(elementBytes).toBeLessThan(10 * payload.length);
  });

  test("nothing expires before the clock is set, nor in a family without states", async () => {
    const { database, family } = await openExpiring();
    const other = await database.createColumnFamily("other", "list-append");
    const families = [family, other];
    write(database, (batch) => families.forEach((id) => batch.put(id, keyOf(VALUE, "k"), stamped(-9007199254740991, "x"))));
    for (const id of families) await compact({ database, family: id });
    for (const id of families) expect(entryCount({ database, family: id })).toBe(1);
    database.setTtlClock(0);
    for (const id of families) await compact({ database, family: id });
    expect(families.map((id) => entryCount({ database, family: id }))).toEqual([0, 1]);
    database.setTtl(other, STATES);
    database.setTtl(other, []);
    await compact({ database, family: other });
    expect(entryCount({ database, family: other })).toBe(1);
  });

  test("a removed value goes on hiding an older one that is not expired, while snapshots hold either", async () => {
    const opened = await openExpiring();
    const { database, family } = opened;
    const key = keyOf(VALUE, "k");
    const older = stamped(9000, "older");
    write(database, (batch) => batch.put(family, key, older));
    await compact(opened);
    const before = database.takeSnapshot();
    write(database, (batch) => batch.put(family, key, stamped(1000, "newer")));
    const after = database.takeSnapshot();
    database.setTtlClock(1100);
    for (const released of [undefined, after, before]) {
      released?.release();
      await compact(opened);
      expect(database.getValue(family, key)).toBeUndefined();
      expect([...database.iterator(family)]).toEqual([]);
      if (released !== before) expect(database.getValue(family, key, before)).toEqual(older);
    }
    expect(entryCount(opened)).toBe(0);
  });

  test("imported files are filtered as well", async () => {
    const source = await openExpiring();
    write(source.database, (batch) => {
      for (let index = 0; index < 20; index++) batch.put(source.family, keyOf(VALUE, `k${index}`), stamped(1000 + index, "x"));
      batch.merge(source.family, keyOf(LIST, "l"), element(1000, "x"));
    });
    await source.database.flush([source.family]);
    const staging = subdirectory(temporaryDirectory(), "staging");
    const files = await source.database.pinLiveFiles([source.family], staging);
    const database = await open(temporaryDirectory());
    const family = await database.importFiles("restored", "list-append", staging, files);
    database.setTtl(family, STATES);
    database.setTtlClock(1109);
    await database.compactRange(family);
    expect(entryCount({ database, family })).toBe(10);
    expect(database.ttlStatistics()).toEqual({ removed: 11, malformed: 0 });
  });
});

describe("malformed bytes", () => {
  const expired = element(1000, "expired");
  const limits = 2n ** 53n;
  const cases: readonly (readonly [string, number, Uint8Array])[] = [
    ["an empty value", VALUE, new Uint8Array(0)],
    ["a value without a whole time", VALUE, stamped(1000, "").subarray(0, 8)],
    ["a value with a time no clock shows", VALUE, stamped(-limits, "x")],
    ["an element cut off", LIST, concatenate([expired, expired.subarray(0, -1)])],
    ["an element longer than the list", LIST, concatenate([expired, new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x0f]), stamped(1000, "x")])],
    ["an element shorter than its time", LIST, concatenate([expired, new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0, 0])])],
    ["an element of no bytes", LIST, concatenate([expired, new Uint8Array([0])])],
    ["a length of six bytes", LIST, concatenate([expired, new Uint8Array([0x89, 0x80, 0x80, 0x80, 0x80, 0x00]), stamped(1000, "")])],
    ["a length past 32 bits", LIST, concatenate([expired, new Uint8Array([0x89, 0x80, 0x80, 0x80, 0x10]), stamped(1000, "")])],
    ["a length that is not the shortest", LIST, concatenate([expired, new Uint8Array([0x89, 0x00]), stamped(1000, "")])],
    ["a length cut off", LIST, concatenate([expired, new Uint8Array([0x89])])],
    ["an element with a time no clock shows", LIST, concatenate([expired, element(limits, "x")])],
  ];

  test.each(cases)("%s: kept as it is, and counted", async (_, stateId, value) => {
    for (const isMerged of [false, true]) {
      const opened = await openExpiring();
      const { database, family } = opened;
      const key = keyOf(stateId, "k");
      write(database, (batch) => (isMerged ? batch.merge(family, key, value) : batch.put(family, key, value)));
      database.setTtlClock(1e12);
      await compact(opened);
      expect(database.getValue(family, key)).toEqual(value);
      await compact(opened);
      expect(database.getValue(family, key)).toEqual(value);
      // A compaction of the whole range judges what it has moved to the last level once more.
      const { removed, malformed } = database.ttlStatistics();
      expect(removed).toBe(0);
      expect(malformed).toBeGreaterThanOrEqual(2);
    }
  });

  test("a merge operand of a value state is kept", async () => {
    const opened = await openExpiring();
    const { database, family } = opened;
    write(database, (batch) => batch.merge(family, keyOf(VALUE, "k"), stamped(4950, "x")));
    database.setTtlClock(5000);
    await compact(opened);
    expect(database.ttlStatistics()).toEqual({ removed: 0, malformed: 1 });
    expect(database.getValue(family, keyOf(VALUE, "k"))).toEqual(stamped(4950, "x"));
  });

  test("random and damaged lists through merges and compactions: what is not expired or not a list stays", async () => {
    const random = randomNumbers(testSeed());
    const nowMs = 2000;
    const damaged = (): Uint8Array => {
      const parts = Array.from({ length: random(4) }, () => element(1800 + random(200), "x".repeat(random(random(8) === 0 ? 400 : 6))));
      const whole = concatenate(parts);
      const result = random(3) === 0 ? whole.slice(0, random(whole.length + 1)) : whole;
      for (let flips = random(3); flips > 0 && result.length > 0; flips--) result[random(result.length)] = random(256);
      return random(10) === 0 ? Uint8Array.from({ length: random(40) }, () => random(256)) : result;
    };
    const judged = (list: Uint8Array): Uint8Array => {
      const elements = elementsOf(list);
      if (elements === undefined) return list;
      return concatenate(elements.filter(({ atMs }) => atMs > BigInt(nowMs - TTL_MS)).map((one) => one.bytes));
    };
    const opened = await openExpiring();
    const { database, family } = opened;
    database.setTtlClock(nowMs);
    const lists = Array.from({ length: 1500 }, damaged);
    write(database, (batch) =>
      lists.forEach((list, index) => {
        batch.put(family, keyOf(LIST, `put ${index}`), list);
        batch.merge(family, keyOf(LIST, `one ${index}`), list);
        // Pieces of many operands: joined by flush and compaction in any grouping, for the sanitizers to watch.
        batch.merge(family, keyOf(LIST, `many ${index % 100}`), list);
      }),
    );
    for (let round = 0; round < 2; round++) {
      await compact(opened);
      lists.forEach((list, index) => {
        const left = judged(list);
        const found = ["put", "one"].map((name) => database.getValue(family, keyOf(LIST, `${name} ${index}`)));
        const wanted = left.length === 0 ? undefined : left;
        expect(found, `list ${index}: ${Buffer.from(list).toString("hex")}`).toEqual([wanted, wanted]);
      });
    }
    expect(database.ttlStatistics().malformed).toBeGreaterThan(100);
  });
});

describe("bad arguments", () => {
  test.each([
    ["not a list", {}],
    ["no object", [7]],
    ["state id above 16 bits", [{ stateId: 65536, ttlMs: 1, kind: "value" }]],
    ["negative state id", [{ stateId: -1, ttlMs: 1, kind: "value" }]],
    ["no time", [{ stateId: 1, kind: "value" }]],
    ["ttl 0", [{ stateId: 1, ttlMs: 0, kind: "value" }]],
    ["fraction", [{ stateId: 1, ttlMs: 1.5, kind: "value" }]],
    ["endless", [{ stateId: 1, ttlMs: Infinity, kind: "value" }]],
    ["unknown kind", [{ stateId: 1, ttlMs: 1, kind: "map" }]],
    ["twice the same state", [STATES[0], STATES[0]]],
  ])("setTtl refuses %s and keeps what was set", async (_, states) => {
    const opened = await openExpiring();
    const { database, family } = opened;
    expect((await failure(() => database.setTtl(family, states as never))).code).toBe("INVALID_ARGUMENT");
    write(database, (batch) => batch.put(family, keyOf(VALUE, "k"), stamped(1000, "x")));
    database.setTtlClock(1100);
    await compact(opened);
    expect(entryCount(opened)).toBe(0);
  });

  test("an unknown family, a clock that shows no time, a closed database", async () => {
    const { database, family } = await openExpiring();
    expect((await failure(() => database.setTtl(99, STATES))).code).toBe("INVALID_ARGUMENT");
    for (const nowMs of [NaN, 1.5, -Infinity, 2 ** 53, "1"]) {
      expect((await failure(() => database.setTtlClock(nowMs as number))).code).toBe("INVALID_ARGUMENT");
    }
    await database.close();
    for (const call of [() => database.setTtl(family, STATES), () => database.setTtlClock(1), () => database.ttlStatistics()]) {
      expect((await failure(call)).code).toBe("DISPOSED");
    }
  });
});

import { describe, expect, test } from "vitest";

import type { Database } from "./database.js";
import { bytes, failure, open, read, temporaryDirectory } from "./fixtures.test.support.js";
import { WriteBatch } from "./write-batch.js";

const FAMILIES = [
  { name: "list", mergeOperator: "list-append" },
  { name: "sum", mergeOperator: "int64-add" },
] as const;

function int64(value: bigint): Uint8Array {
  const result = new Uint8Array(8);
  new DataView(result.buffer).setBigInt64(0, value, true);
  return result;
}

function sum(database: Database, key: string): bigint | undefined {
  const value = database.getValue(database.columnFamily("sum").id, bytes(key));
  return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getBigInt64(0, true);
}

function merge(database: Database, family: string, key: string, operand: Uint8Array): void {
  const batch = new WriteBatch();
  batch.merge(database.columnFamily(family).id, bytes(key), operand);
  database.write(batch);
}

describe("merge operators", () => {
  test("list-append keeps the order over flushes, compactions and a put below", async () => {
    const database = await open(temporaryDirectory(), { columnFamilies: FAMILIES });
    const list = database.columnFamily("list").id;
    const batch = new WriteBatch();
    batch.put(list, bytes("k"), bytes("0"));
    database.write(batch);
    let expected = "0";
    for (let index = 1; index < 60; index++) {
      merge(database, "list", "k", bytes(`,${index}`));
      expected += `,${index}`;
      if (index % 10 === 0) await database.flush([list]);
      if (index === 35) await database.compactRange(list);
      expect(read(database, list, "k")).toBe(expected);
    }
    merge(database, "list", "only operands", bytes("a"));
    merge(database, "list", "only operands", new Uint8Array(0));
    merge(database, "list", "only operands", bytes("b"));
    await database.compactRange(list);
    expect(read(database, list, "only operands")).toBe("ab");
  });

  test("int64-add adds, takes negative numbers and wraps around", async () => {
    const database = await open(temporaryDirectory(), { columnFamilies: FAMILIES });
    merge(database, "sum", "k", int64(40n));
    merge(database, "sum", "k", int64(-50n));
    expect(sum(database, "k")).toBe(-10n);
    await database.flush([database.columnFamily("sum").id]);
    merge(database, "sum", "k", int64(12n));
    expect(sum(database, "k")).toBe(2n);
    merge(database, "sum", "max", int64(2n ** 63n - 1n));
    merge(database, "sum", "max", int64(1n));
    await database.compactRange(database.columnFamily("sum").id);
    expect(sum(database, "max")).toBe(-(2n ** 63n));
    expect(sum(database, "k")).toBe(2n);
  });

  test("a value of another length fails the reads of its key only: flush and compaction go on", async () => {
    const database = await open(temporaryDirectory(), { columnFamilies: FAMILIES });
    const family = database.columnFamily("sum").id;
    const batch = new WriteBatch();
    batch.put(family, bytes("bad"), bytes("short"));
    database.write(batch);
    await database.flush([family]);
    merge(database, "sum", "bad", int64(1n));
    merge(database, "sum", "good", int64(1n));
    for (const step of [async () => {}, () => database.flush([family]), () => database.compactRange(family)]) {
      await step();
      expect((await failure(() => database.get(family, bytes("bad")))).code).toBe("STATE_CORRUPT");
      expect((await failure(() => [...database.iterator(family)])).code).toBe("STATE_CORRUPT");
      expect(sum(database, "good")).toBe(1n);
    }
    merge(database, "sum", "good", int64(1n));
    expect(sum(database, "good")).toBe(2n);
  });

  test("refuses operands of another length and merges without an operator, before anything is written", async () => {
    const database = await open(temporaryDirectory(), { columnFamilies: FAMILIES });
    const before = database.latestSequenceNumber();
    expect((await failure(() => merge(database, "sum", "k", bytes("short")))).code).toBe("INVALID_ARGUMENT");
    expect((await failure(() => merge(database, "default", "k", bytes("x")))).code).toBe("INVALID_ARGUMENT");
    const batch = new WriteBatch();
    batch.put(0, bytes("first"), bytes("x"));
    batch.merge(database.columnFamily("default").id, bytes("k"), bytes("x"));
    expect((await failure(() => database.write(batch))).code).toBe("INVALID_ARGUMENT");
    expect(database.latestSequenceNumber()).toBe(before);
  });
});

import { expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { Records } from "./records.js";
import { SnapshotCheck } from "./snapshot-check.js";

const keyCount = 20;

/** Visits the entries of all keys, after one was added to key 3 before the snapshot and to key 4 after it. */
function check(change: (entries: [string, Buffer][]) => void): number {
  const records = new Records(keyCount, 100, 1);
  const entries = Array.from({ length: keyCount }, (_, index): [string, Buffer] => [records.keyOf(index), records.firstValue(index)]);
  records.added({ keys: [], indices: Int32Array.of(3) });
  entries[3]?.[1].writeUInt32LE(1, 0);
  const snapshot = new SnapshotCheck(records);
  records.added({ keys: [], indices: Int32Array.of(4) });
  change(entries);
  for (const [key, value] of entries) snapshot.visit(key, value);
  return snapshot.end();
}

test("a right snapshot has every key once, as it was when it began", () => {
  expect(check(() => {})).toBe(keyCount);
  expect(check((entries) => entries.reverse())).toBe(keyCount);
});

test.each<[string, string, (entries: [string, Buffer][]) => void]>([
  ["a missing key", "19 of 20 keys", (entries) => entries.splice(5, 1)],
  ["a key twice", "twice", (entries) => entries.push(entries[0] as [string, Buffer])],
  ["what was written later", "another value", (entries) => entries[4]?.[1].writeUInt32LE(1, 0)],
  ["what was overwritten before", "another value", (entries) => entries[3]?.[1].writeUInt32LE(0, 0)],
  ["another key's value", "another key", (entries) => entries.splice(1, 1, [entries[1]?.[0] ?? "", entries[2]?.[1] ?? Buffer.alloc(0)])],
  ["a key that never was", "another key", (entries) => entries[1]?.[1].writeUInt32LE(keyCount, 4)],
  ["an empty value", "another key", (entries) => entries.splice(1, 1, [entries[1]?.[0] ?? "", Buffer.alloc(0)])],
  ["a damaged value", "another value", (entries) => entries[1]?.[1].writeUInt8(0, 99)],
])("%s is a wrong result", (_, message, change) => {
  expect(() => check(change)).toThrow(WrongResultError);
  expect(() => check(change)).toThrow(message);
});

import { expect, test } from "vitest";
import { checkedByte, indexIn, keyLength, Records } from "./records.js";

test("keys are texts of 16 characters, each another, the same in every process", () => {
  const records = new Records(50_000, 100, 1);
  const keys = records.keys(0, 50_000);
  expect(new Set(keys).size).toBe(50_000);
  expect(keys.every((key) => key.length === keyLength && /^[0-9a-f]+$/u.test(key))).toBe(true);
  expect(keys[1]).toBe("514e28b7addc76bc");
});

test("a seed decides the order, which reaches every key and may repeat one", () => {
  const [first, second, other] = [1, 1, 2].map((seed) => new Records(100, 100, seed).next(2_000));
  expect(first?.keys).toEqual(second?.keys);
  expect(first?.keys).not.toEqual(other?.keys);
  expect(new Set(first?.indices).size).toBe(100);
  expect(first?.keys.slice(0, 5)).toEqual(Array.from(first?.indices.slice(0, 5) ?? [], (index) => new Records(100, 100, 1).keyOf(index)));
});

test("the model notices any changed byte, another length, and a forgotten addition", () => {
  const records = new Records(300, 100, 1);
  const before = records.counts();
  const value = records.firstValue(260);
  expect(value).toHaveLength(100);
  expect(records.holds(260, value)).toBe(true);
  expect(indexIn(value)).toBe(260);
  for (let at = 0; at < value.length; at += 1) {
    const changed = Buffer.from(value);
    changed[at] = (changed[at] as number) ^ 1;
    expect(records.holds(260, changed)).toBe(false);
  }
  expect(records.holds(261, value)).toBe(false);
  expect(records.holds(260, value.subarray(1))).toBe(false);
  expect(records.holds(260, undefined)).toBe(false);
  records.added({ keys: [], indices: Int32Array.of(260, 7, 260) });
  expect(records.holds(260, value)).toBe(false);
  expect(records.holds(260, value, before)).toBe(true);
  value.writeUInt32LE(2, 0);
  expect(records.holds(260, value)).toBe(true);
});

test("the sum of what is read changes when a value is missing or old", () => {
  const records = new Records(10, 100, 1);
  const draw = { keys: [], indices: Int32Array.of(3, 4, 3) };
  const sum = [3, 4, 3].reduce((total, index) => total + checkedByte(records.firstValue(index)), 0);
  expect(records.expectedSum(draw)).toBe(sum);
  records.added(draw);
  expect(records.expectedSum(draw)).toBe(sum + 5);
  expect(checkedByte(undefined)).toBeNaN();
});

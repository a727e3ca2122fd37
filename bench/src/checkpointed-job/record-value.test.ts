import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { isRecordValue, recordValue } from "./record-value.js";

test("values are those of Flink's side, byte for byte", () => {
  const hash = createHash("sha256");
  for (const key of [0, 1, 7, 1_048_575, 16_777_215]) {
    for (const version of [0, 1, 300]) for (const sizeBytes of [16, 100, 1024, 7]) hash.update(recordValue(key, version, sizeBytes));
  }
  // Printed by RecordValue.java for the same keys, versions and sizes.
  expect(hash.digest("hex")).toBe("20b4d8073fde65183ba14253d3ad8baafa12612144756bdcfd5b1cd2458fda9c");
});

test("values do not compress", () => {
  const values = Buffer.concat(Array.from({ length: 100 }, (_, key) => recordValue(key, 3, 1024)));
  expect(deflateRawSync(values).length).toBeGreaterThan(values.length);
});

test("a value of another key, version or length is told apart", () => {
  const scratch = new Uint8Array(100);
  expect(isRecordValue(recordValue(5, 2, 100), 5, 2, scratch)).toBe(true);
  expect(isRecordValue(recordValue(5, 2, 100), 5, 3, scratch)).toBe(false);
  expect(isRecordValue(recordValue(6, 2, 100), 5, 2, scratch)).toBe(false);
  expect(isRecordValue(recordValue(5, 2, 99), 5, 2, scratch)).toBe(false);
  expect(isRecordValue(null, 5, 2, scratch)).toBe(false);
  expect(isRecordValue(undefined, 5, 2, scratch)).toBe(false);
});

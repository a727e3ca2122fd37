import { expect, test } from "vitest";
import { formatSize, parseSize } from "./size.js";

test("sizes in bytes and in keys", () => {
  expect(parseSize("1GiB", "bytes")).toBe(2 ** 30);
  expect(parseSize("0.5 MiB", "bytes")).toBe(2 ** 19);
  expect(parseSize("500k", "keys")).toBe(500_000);
  expect(parseSize("20M", "keys")).toBe(20_000_000);
  expect(parseSize("1234", "keys")).toBe(1234);
});

test.each(["", "0", "-1", "1GB", "1gib", "GiB", "1e3", "1.5", "500k", "1GiB x"])("%s is no size in bytes", (text) => {
  expect(() => parseSize(text, "bytes")).toThrow("1GiB");
});

test.each(["", "0", "-1", "1GiB", "1K", "0.3", "ten", "99999999999M"])("%s is no count of keys", (text) => {
  expect(() => parseSize(text, "keys")).toThrow("500k");
});

test("written the way it is read", () => {
  expect(formatSize(2 ** 30, "bytes")).toBe("1GiB");
  expect(formatSize(3 * 2 ** 20, "bytes")).toBe("3MiB");
  expect(formatSize(1000, "bytes")).toBe("1000B");
  expect(formatSize(500_000, "keys")).toBe("500000 keys");
});

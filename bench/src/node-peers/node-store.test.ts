import { expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { increment, incrementAll } from "./node-store.js";

test("one is added to the first four bytes, with carries, and to nothing else", () => {
  for (const count of [0, 1, 254, 255, 256, 65_535, 0x00ff_ffff, 0xffff_fffe]) {
    const value = Buffer.alloc(8, 0xff);
    value.writeUInt32LE(count, 0);
    expect(increment(value, "a").readUInt32LE(0)).toBe(count + 1);
    expect(value.readUInt32LE(4)).toBe(0xffff_ffff);
  }
  expect(increment(Buffer.alloc(8, 0xff), "a").readUInt32LE(0)).toBe(0);
});

test("a key that has no value is a wrong result", () => {
  for (const value of [undefined, null, new Uint8Array(3)]) expect(() => increment(value, "abc")).toThrow(WrongResultError);
  expect(() => incrementAll(["a", "b"], [Buffer.alloc(4)])).toThrow("key b has no value");
});

test("a key that comes twice in a batch counts twice", () => {
  const changed = incrementAll(["a", "b", "a"], [Buffer.alloc(4), Buffer.alloc(4, 1), Buffer.alloc(4)]);
  expect(Array.from(changed, ([key, value]) => [key, value[0]])).toEqual([["a", 2], ["b", 2]]);
});

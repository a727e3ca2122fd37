import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  anyKey, bigint, bigint64, boolean, ByteReader, ByteWriter, bytes, date, float64, int32, int64, sameSnapshot, string, struct, tuple,
  type AnyKey, type KeySerializer,
} from "./index.js";

function encode(one: KeySerializer<unknown>, key: unknown): Buffer {
  const out = new ByteWriter({ initialBytes: 1 });
  one.writeKey(key, out);
  return Buffer.from(out.copy());
}

const byNumber = (a: number, b: number): number => a - b;
const byLess = <T extends string | number | bigint | boolean>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);
const byDate = (a: Date, b: Date): number => a.getTime() - b.getTime();
const byBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

// Short alphabets make shared prefixes and escapes likely.
const unit = fc.oneof(fc.constantFrom(0, 1, 2, 0x61, 0x7f, 0x80, 0x7ff, 0x800, 0xd800, 0xdc00, 0xe000, 0xffff),
  fc.integer({ min: 0, max: 0xffff }));
const text = fc.array(unit, { maxLength: 12 }).map((units) => String.fromCharCode(...units));
const plainBytes = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 255), fc.nat(255)), { maxLength: 12 }).map((list) => Uint8Array.from(list));
const safeInteger = fc.maxSafeInteger().map((value) => value + 0);
const number = fc.double({ noNaN: true }).map((value) => value + 0);
const int64Range = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyBigint = fc.oneof(fc.bigInt({ min: -300n, max: 300n }), fc.bigInt({ min: -(2n ** 3000n), max: 2n ** 3000n }));
const validDate = fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) });

type Order = (a: never, b: never) => number;
const cases: readonly [string, KeySerializer<unknown>, fc.Arbitrary<unknown>, Order][] = [
  ["int32", int32(), fc.integer(), byNumber],
  ["int64", int64(), safeInteger, byLess<number>],
  ["float64", float64(), number, byLess<number>],
  ["bigint64", bigint64(), int64Range, byLess<bigint>],
  ["bigint", bigint(), anyBigint, byLess<bigint>],
  ["boolean", boolean(), fc.boolean(), byLess<boolean>],
  ["string", string(), text, byLess<string>],
  ["bytes", bytes(), plainBytes, byBytes],
  ["date", date(), validDate, byDate],
  [
    "tuple",
    tuple(string(), int64()),
    fc.tuple(text, safeInteger),
    (a: [string, number], b: [string, number]) => byLess(a[0], b[0]) || byLess(a[1], b[1]),
  ],
  [
    "struct",
    struct({ name: string(), tail: bytes() }),
    fc.record({ name: text, tail: plainBytes }, { noNullPrototype: true }),
    (a: { name: string; tail: Uint8Array }, b: { name: string; tail: Uint8Array }) => byLess(a.name, b.name) || byBytes(a.tail, b.tail),
  ],
];

describe("keys", () => {
  for (const [name, one, keys, order] of cases) {
    test(`${name}: back exactly, in order, never a prefix of another`, () => {
      fc.assert(
        fc.property(keys, keys, (a, b) => {
          const [left, right] = [encode(one, a), encode(one, b)];
          const input = new ByteReader(Buffer.concat([left, right]));
          expect(one.readKey(input)).toStrictEqual(a);
          expect(one.readKey(input)).toStrictEqual(b);
          input.expectEnd();
          const expected = Math.sign(order(a as never, b as never));
          expect(Math.sign(Buffer.compare(left, right))).toBe(expected);
          expect(left.subarray(0, right.length).equals(right)).toBe(expected === 0);
        }),
        { numRuns: 300 },
      );
    });
  }

  test("edges in order", () => {
    const sorted: readonly (readonly [KeySerializer<unknown>, readonly unknown[]])[] = [
      [float64(), [-Infinity, -1e308, -1, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 1, 1e308, Infinity]],
      [int64(), [Number.MIN_SAFE_INTEGER, -(2 ** 32) - 1, -(2 ** 32), -1, 0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]],
      [int32(), [-(2 ** 31), -1, 0, 1, 2 ** 31 - 1]],
      [bigint(), [-(2n ** 65_535n), -256n, -255n, -1n, 0n, 1n, 255n, 256n, 2n ** 65_535n]],
      [string(), ["", "\0", "\0\0", "\0a", "\u0001", "\u0001\u0001", "\u0002", "a", "a\0", "ab", "\ud800", "\ud83d\ude00", "\udfff",
        "\ue000"]],
    ];
    for (const [one, keys] of sorted) {
      const encoded = keys.map((key) => encode(one, key));
      expect([...encoded].sort(Buffer.compare)).toStrictEqual(encoded);
    }
  });

  test("-0 is the key 0", () => {
    for (const one of [int32(), int64(), float64(), anyKey()] as KeySerializer<unknown>[]) {
      expect(encode(one, -0)).toStrictEqual(encode(one, 0));
      expect(one.readKey(new ByteReader(encode(one, -0)))).toBe(0);
    }
  });

  test("wrong types are refused with KEY_TYPE and a path", () => {
    const wrong: readonly [KeySerializer<unknown>, readonly unknown[]][] = [
      [int32(), [1.5, 2 ** 31, "1", 1n, null, undefined]],
      [int64(), [0.5, 2 ** 53, Number.NaN, "1", 1n]],
      [float64(), [Number.NaN, "1", 1n, null]],
      [bigint64(), [1, 2n ** 63n, "1"]],
      [bigint(), [1, 2n ** 600_000n]],
      [string(), [1, null, undefined, Symbol("s"), new String("s")]],
      [bytes(), ["a", [1], new Float64Array(1)]],
      [boolean(), [0, "true", null]],
      [date(), [0, new Date(Number.NaN), "2020"]],
      [anyKey(), [null, undefined, Number.NaN, {}, [], () => 1, Symbol("s"), new Date(Number.NaN), new Map(), 2n ** 600_000n]],
      [tuple(string(), int64()), [["a"], ["a", 1, 2], "a", { 0: "a", 1: 1, length: 2 }]],
      [struct({ a: string() }), [{}, { a: "x", b: 1 }, null, "a"]],
    ];
    for (const [one, keys] of wrong) {
      for (const key of keys) expect(() => encode(one, key)).toThrow(expect.objectContaining({ code: "KEY_TYPE" }));
    }
    const nested = struct({ id: tuple(string(), int64()) });
    expect(() => encode(nested, { id: ["a",
      "b"] })).toThrow(expect.objectContaining({ details: expect.objectContaining({ path: "id[1]" }) }));
  });

  test("a writer of keys says KEY_TOO_LARGE", () => {
    const out = new ByteWriter({ maxBytes: 100, tooLargeCode: "KEY_TOO_LARGE" });
    expect(() => string().writeKey("x".repeat(100), out)).toThrow(expect.objectContaining({ code: "KEY_TOO_LARGE" }));
  });

  test("only types whose parts are all keys are keys", () => {
    expect("writeKey" in struct({ a: string(), b: int64() })).toBe(true);
    expect("writeKey" in tuple(string(), tuple(int64()))).toBe(true);
  });

  test("snapshots tell key types apart", () => {
    expect(sameSnapshot(tuple(string(), int64()).keySnapshot(), tuple(string(), int64()).keySnapshot())).toBe(true);
    expect(sameSnapshot(tuple(string(), int64()).keySnapshot(), tuple(string(), int32()).keySnapshot())).toBe(false);
    expect(sameSnapshot(struct({ a: string() }).keySnapshot(), struct({ b: string() }).keySnapshot())).toBe(false);
  });
});

describe("anyKey", () => {
  const keys: fc.Arbitrary<AnyKey> = fc.oneof(text, number, anyBigint, fc.boolean(), plainBytes, validDate);

  test("back exactly, prefix-free, and no two keys of different type or value meet", () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        const [left, right] = [encode(anyKey(), a), encode(anyKey(), b)];
        expect(anyKey().readKey(new ByteReader(left))).toStrictEqual(a);
        let isEqual = true;
        try {
          expect(a).toStrictEqual(b);
        } catch {
          isEqual = false;
        }
        expect(left.equals(right)).toBe(isEqual);
        expect(left.subarray(0, right.length).equals(right)).toBe(isEqual);
      }),
      { numRuns: 500 },
    );
  });

  test("values that look alike are different keys", () => {
    const alike = [1, "1", 1n, true, new Date(1), Uint8Array.of(1), Uint8Array.of(0x31), "", 0, false, 0n, new Date(0), new Uint8Array(0),
      "true"];
    expect(new Set(alike.map((key) => encode(anyKey(), key).toString("hex"))).size).toBe(alike.length);
  });
});

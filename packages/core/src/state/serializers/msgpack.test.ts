import { decode, encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, msgpack } from "./index.js";

function written(value: unknown): Uint8Array {
  const out = new ByteWriter({ initialBytes: 1 });
  msgpack().write(value, out);
  return out.copy();
}

function roundTrip(value: unknown): unknown {
  const input = new ByteReader(written(value));
  const read = msgpack().read(input);
  input.expectEnd();
  return read;
}

function code(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing thrown";
}

const name = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text !== "__proto__");
const loneSurrogates = fc.array(fc.integer({ min: 0xd700, max: 0xe000 }), { maxLength: 40 }).map((units) => String.fromCharCode(...units));
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    fc.constantFrom<unknown>(null, undefined, true, false, -0, Number.NaN, Infinity, -Infinity),
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 500n), max: 2n ** 500n }),
    fc.string({ unit: "binary" }),
    loneSurrogates,
    fc.uint8Array(),
    fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) }),
    fc.array(tie("value")),
    fc.dictionary(fc.oneof(name, loneSurrogates), tie("value"), { noNullPrototype: true }),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
    fc.array(tie("value")).map((members) => new Set(members)),
  ),
}));

describe("msgpack", () => {
  test("any plain data comes back equal", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(roundTrip(value)).toStrictEqual(value);
      }),
      { numRuns: 1000 },
    );
  });

  test("each boundary of a width", () => {
    const edges = [0x1f, 0x20, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32,
      2 ** 53];
    for (const edge of edges) for (const value of [edge, -edge, edge + 1, -edge - 1,
      BigInt(edge)]) expect(roundTrip(value)).toStrictEqual(value);
    for (const size of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      expect(roundTrip("a".repeat(size))).toBe("a".repeat(size));
      expect(roundTrip("é".repeat(size))).toBe("é".repeat(size));
      const list = Array.from({ length: size }, (_, i) => i);
      expect(roundTrip(list)).toStrictEqual(list);
      expect(roundTrip(new Uint8Array(size))).toStrictEqual(new Uint8Array(size));
      const object = Object.fromEntries(Array.from({ length: size }, (_, i) => [`n${i}`, i]));
      expect(roundTrip(object)).toStrictEqual(object);
    }
  });

  test("names that every object inherits, and the order of properties", () => {
    const value = { constructor: 1, toString: 2, b: 3, a: 4, hasOwnProperty: 5 };
    expect(roundTrip(value)).toStrictEqual(value);
    expect(Object.keys(roundTrip(value) as object)).toEqual(Object.keys(value));
  });

  test("the bytes are MessagePack: another implementation reads them, and we read its", () => {
    const common = fc.jsonValue({ noUnicodeString: false });
    fc.assert(
      fc.property(common, (value) => {
        if (JSON.stringify(value).includes('"__proto__"')) return;
        expect(decode(written(value))).toStrictEqual(value);
      }),
    );
    const values = [null, true, 1, -1, 200, 70_000, -70_000, 1.5, "text", "é".repeat(50), Uint8Array.of(1, 2), [1, [2]], { a: { b: [] } }];
    for (const value of values) {
      expect(decode(written(value))).toStrictEqual(value);
      expect(msgpack().read(new ByteReader(encode(value)))).toStrictEqual(value);
    }
    for (const timeMs of [0, -1, 1, 1_700_000_000_123, -1_700_000_000_123, 8.64e15, -8.64e15]) {
      expect(decode(written(new Date(timeMs)))).toStrictEqual(new Date(timeMs));
    }
  });

  test("what would come back changed is refused, with its path", () => {
    class Point {
      x = 1;
    }
    class Times extends Map {}
    class Instant extends Date {}
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    const bad: readonly unknown[] = [
      () => 1, Symbol("s"), new Point(), new Error("e"), /x/, Promise.resolve(), new WeakMap(), new Times(), new Instant(),
      Object.create(null),
      Buffer.from("a"), new Float64Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Date(Number.NaN), new Number(1),
      // oxlint-disable-next-line no-sparse-arrays
      [1, , 2], JSON.parse('{"__proto__": 1}'), { [Symbol("s")]: 1 }, cycle, Object.create({ inherited: 1 }), new URL("http://a/"),
    ];
    for (const value of bad) {
      const thrown = expect.objectContaining({
        code: "VALUE_NOT_SERIALIZABLE",
        details: expect.objectContaining({ path: expect.stringMatching(/^a\[1\]/) }),
      });
      expect(() => written({ a: [0, value] })).toThrow(thrown);
    }
  });

  test("nesting is bounded when written and when read", () => {
    const nested = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => [inner], 1);
    expect(roundTrip(nested(100))).toStrictEqual(nested(100));
    expect(code(() => written(nested(101)))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(code(() => written(nested(100_000)))).toBe("VALUE_NOT_SERIALIZABLE");
    const bytes = new Uint8Array(200_001).fill(0x91);
    bytes[200_000] = 1;
    expect(code(() => msgpack().read(new ByteReader(bytes)))).toBe("STATE_CORRUPT");
    // Maps and Sets in Maps go through a reader of their own each.
    const maps = Array.from({ length: 100 }).reduce((inner: unknown) => new Map([[1, inner]]), 1);
    expect(roundTrip(maps)).toStrictEqual(maps);
    expect(code(() => written(new Map([[1, maps]])))).toBe("VALUE_NOT_SERIALIZABLE");
  });

  test("malformed bytes", () => {
    const malformed: readonly (readonly number[])[] = [
      [], [0xc1], [0xca, 0, 0, 0, 0], [0xcf, 0, 0, 0, 0, 0, 0, 0, 0], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff],
      [0xdb, 0xff, 0xff, 0xff, 0xff, 1], [0xc6, 0xff, 0xff, 0xff, 0xff], [0xc9, 0xff, 0xff, 0xff, 0xff, 3], [0xa2, 0xc3, 0x28],
      [0x81, 1, 1],
      [0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2], [0x81, 0xa9, ...Buffer.from("__proto__"), 1], [0xd4, 0, 1], [0xd4, 9, 0], [0xc7, 1, 1, 1],
      [0xc7, 6, 3, 0xdd, 0, 0, 0, 1, 1], [0xc7, 7, 4, 0xdd, 0, 0, 0, 2, 1, 1],
      [0xc7, 12, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
      [0xc7, 3, 2, 1, 2, 3], [0xc7, 2, 0, 0, 0],
    ];
    for (const bytes of malformed) expect(code(() => msgpack().read(new ByteReader(Uint8Array.from(bytes))))).toBe("STATE_CORRUPT");
    const counted = (): unknown => msgpack().read(new ByteReader(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2)));
    expect(counted).toThrow("4294967295 more needed");
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });
});

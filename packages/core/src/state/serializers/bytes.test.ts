import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter } from "./bytes.js";

function code(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing thrown";
}

const operation = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant("u16be" as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant("u32be" as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant("u32" as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant("i32" as const), value: fc.integer() }),
  fc.record({ kind: fc.constant("f64" as const), value: fc.double() }),
  fc.record({ kind: fc.constant("f64be" as const), value: fc.double() }),
  fc.record({ kind: fc.constant("i64" as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ kind: fc.constant("safeInteger" as const), value: fc.maxSafeInteger().map((value) => value + 0) }),
  fc.record({ kind: fc.constant("varint" as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant("raw" as const), value: fc.uint8Array({ maxLength: 100 }) }),
);

describe("ByteWriter and ByteReader", () => {
  test("read back what was written, in order, at any offset", () => {
    fc.assert(
      fc.property(fc.array(operation), fc.nat(9), (operations, offset) => {
        const out = new ByteWriter({ initialBytes: 1 });
        for (const { kind, value } of operations) (out[kind] as (value: unknown) => void).call(out, value);
        const shifted = new Uint8Array(out.length + offset + 3);
        shifted.set(out.subarray(), offset);
        const input = new ByteReader(shifted, offset, offset + out.length);
        for (const { kind, value } of operations) {
          const read = kind === "raw" ? input.copy((value as Uint8Array).length) : input[kind]();
          expect(read).toStrictEqual(value);
        }
        input.expectEnd();
      }),
    );
  });

  test("a safe integer has the bytes of the same bigint", () => {
    for (const value of [0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      const one = new ByteWriter();
      const other = new ByteWriter();
      one.safeInteger(value);
      other.i64(BigInt(value));
      expect(one.copy()).toEqual(other.copy());
      expect(new ByteReader(one.copy()).safeInteger()).toBe(value);
    }
  });

  test("a stored integer past what a number holds is refused, not rounded", () => {
    for (const value of [2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), -(2n ** 53n) - 1n, -(2n ** 53n) - 2n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const out = new ByteWriter();
      out.i64(value);
      expect(code(() => new ByteReader(out.copy()).safeInteger())).toBe("STATE_CORRUPT");
    }
  });

  test("every read past the end throws and moves nothing", () => {
    const reads: ((input: ByteReader) => unknown)[] = [
      (input) => input.u8(), (input) => input.u16be(), (input) => input.u32be(), (input) => input.u32(), (input) => input.i32(),
      (input) => input.f64(), (input) => input.f64be(), (input) => input.i64(), (input) => input.safeInteger(), (input) => input.varint(),
      (input) => input.subarray(1), (input) => input.copy(1), (input) => input.skip(1), (input) => input.count(1),
    ];
    // The bytes behind `end` are there, and must not be read.
    for (const read of reads) expect(code(() => read(new ByteReader(new Uint8Array(20), 5, 5)))).toBe("STATE_CORRUPT");
    const input = new ByteReader(new Uint8Array(3));
    expect(code(() => input.f64())).toBe("STATE_CORRUPT");
    expect(code(() => input.subarray(Number.NaN))).toBe("STATE_CORRUPT");
    expect(input.position).toBe(0);
    expect(code(() => input.expectEnd())).toBe("STATE_CORRUPT");
  });

  test("a count is believed only as far as the bytes behind it go", () => {
    const stored = Uint8Array.of(3, 0, 0, 0, 0, 0, 0);
    expect(new ByteReader(stored).count(2)).toBe(3);
    expect(code(() => new ByteReader(stored).count(3))).toBe("STATE_CORRUPT");
    expect(code(() => new ByteReader(stored, 0, 6).count(2))).toBe("STATE_CORRUPT");
  });

  test("only the shortest form of a varint is taken", () => {
    const malformed = [[0x80, 0x00], [0xff, 0xff, 0xff, 0xff, 0x1f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0x81, 0x80, 0x00]];
    for (const bytes of malformed) expect(code(() => new ByteReader(Uint8Array.from(bytes)).varint())).toBe("STATE_CORRUPT");
    expect(new ByteReader(Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f])).varint()).toBe(0xffff_ffff);
  });

  test("the limit is exact and says which kind of thing was too large", () => {
    const out = new ByteWriter({ maxBytes: 10 });
    out.raw(new Uint8Array(9));
    out.varint(1);
    expect(out.length).toBe(10);
    expect(code(() => out.u8(1))).toBe("VALUE_TOO_LARGE");
    expect(code(() => out.raw(new Uint8Array(1)))).toBe("VALUE_TOO_LARGE");
    expect(out.length).toBe(10);
    const key = new ByteWriter({ maxBytes: 10, tooLargeCode: "KEY_TOO_LARGE" });
    expect(code(() => key.raw(new Uint8Array(11)))).toBe("KEY_TOO_LARGE");
    out.reset();
    out.u8(7);
    expect([...out.copy()]).toEqual([7]);
  });

  test("bad sizes, ranges and patches are refused", () => {
    for (const maxBytes of [0, -1, 1.5, Number.NaN, 2 ** 31]) expect(code(() => new ByteWriter({ maxBytes }))).toBe("INVALID_ARGUMENT");
    const bytes = new Uint8Array(4);
    for (const [start, end] of [[-1, 2], [3, 2], [0, 5], [Number.NaN, 2]]) {
      expect(code(() => new ByteReader(bytes, start, end))).toBe("INVALID_ARGUMENT");
    }
    const out = new ByteWriter();
    out.u32(0);
    expect(code(() => out.patchU32(1, 1))).toBe("INTERNAL");
    out.patchU32(0, 0x0403_0201);
    expect([...out.copy()]).toEqual([1, 2, 3, 4]);
  });

  test("copy is its own memory and subarray is not", () => {
    const source = Uint8Array.from([1, 2, 3]);
    const input = new ByteReader(source);
    const view = input.subarray(1);
    const copy = input.copy(1);
    source.fill(9);
    expect([view[0], copy[0]]).toEqual([9, 2]);
  });
});

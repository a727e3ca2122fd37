import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  anyKey, array, bigint, bigint64, boolean, ByteReader, ByteWriter, bytes, date, enumeration, float64, int32, int64, json, map, msgpack,
  nullable,
  optional, serializer, string, struct, tuple, variant, type KeySerializer, type TypeSerializer,
} from "./index.js";

const bag = struct({ id: int64(), tags: array(string()), scores: map(string(), float64()), any: msgpack(),
  note: optional(nullable(string())) });
const event = variant("kind", { a: { x: int32() }, b: { y: array(array(boolean())) }, c: {} });
const framed = serializer<string>({ type: "text", write: (value, out) => string().write(value, out),
  read: (input) => string().read(input) });
const samples: readonly [TypeSerializer<unknown>, unknown][] = [
  [bag, { id: 1, tags: ["a", "\ud800", "é".repeat(30)], scores: new Map([["x", 1]]), any: { m: new Map([[1, [new Set([1n])]]]) },
    note: "n" }],
  [event, { kind: "b", y: [[true], []] }],
  [tuple(bigint(), bigint64(), date(), bytes()), [-(2n ** 90n), 5n, new Date(1), Uint8Array.of(1, 2)]],
  [array(enumeration("a", "b")), ["a", "b", "a"]],
  [json(), { a: [1, "x"] }],
  [framed, "hello"],
];
const keys: readonly [KeySerializer<unknown>, unknown][] = [
  [string(), "a\0\u0001é\ud800"],
  [tuple(bytes(), float64(), int64(), date()), [Uint8Array.of(0, 1, 2), -1.5, -7, new Date(5)]],
  [struct({ a: boolean(), b: bigint64(), c: int32() }), { a: true, b: 1n, c: 2 }],
  [anyKey(), "text"],
  [anyKey(), -(2n ** 99n)],
];

const readers: readonly [string, (input: ByteReader) => unknown, Uint8Array][] = [
  ...samples.map(([one, value], i): [string, (input: ByteReader) => unknown, Uint8Array] => {
    const out = new ByteWriter();
    one.write(value, out);
    return [`value ${i}`, (input) => one.read(input), out.copy()];
  }),
  ...keys.map(([one, key], i): [string, (input: ByteReader) => unknown, Uint8Array] => {
    const out = new ByteWriter();
    one.writeKey(key, out);
    return [`key ${i}`, (input) => one.readKey(input), out.copy()];
  }),
];

/** What reading came to. Anything but "value" and "STATE_CORRUPT" is a defect. */
function outcome(read: (input: ByteReader) => unknown, stored: Uint8Array): unknown {
  const input = new ByteReader(stored);
  try {
    read(input);
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
  return input.position <= stored.length ? "value" : `read to ${input.position} of ${stored.length}`;
}

const allowed = ["value", "STATE_CORRUPT"];

describe("damaged bytes give a value or STATE_CORRUPT", () => {
  for (const [name, read, good] of readers) {
    test(`${name}: cut at every place`, () => {
      expect(outcome(read, good)).toBe("value");
      for (let end = 0; end < good.length; end++) expect(outcome(read, good.slice(0, end))).toBe("STATE_CORRUPT");
    });

    test(`${name}: every single byte changed`, () => {
      for (let at = 0; at < good.length; at++) {
        for (const change of [1, 0x80, 0xff, 0x7f]) {
          const bad = Uint8Array.from(good);
          bad[at] = (bad[at] as number) ^ change;
          expect(allowed).toContain(outcome(read, bad));
        }
      }
    });

    test(`${name}: anything at all`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300, size: "max" }), fc.nat(good.length), (noise, keep) => {
          expect(allowed).toContain(outcome(read, noise));
          expect(allowed).toContain(outcome(read, Uint8Array.from([...good.slice(0, keep), ...noise])));
        }),
        { numRuns: 200 },
      );
    });
  }

  test("two encodings of one thing: only the one we write is taken", () => {
    const others: readonly (readonly [(input: ByteReader) => unknown, readonly number[]])[] = [
      [(input) => string().readKey(input), [0xe0, 0x80, 0x80, 0]],
      [(input) => string().readKey(input), [0xc1, 0xbf, 0]],
      [(input) => bytes().readKey(input), [1, 0, 0]],
      [(input) => float64().readKey(input), [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
      [(input) => float64().readKey(input), [0xff, 0xf8, 0, 0, 0, 0, 0, 0]],
      [(input) => bigint().readKey(input), [1, 0, 2, 0, 5]],
      [(input) => bigint().readKey(input), [0, 0xff, 0xff]],
      [(input) => boolean().readKey(input), [2]],
      [(input) => map(int32(), boolean()).read(input), [2, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1]],
    ];
    for (const [read, stored] of others) expect(outcome(read, Uint8Array.from(stored))).toBe("STATE_CORRUPT");
  });

  test("a huge count over few bytes allocates nothing for it", () => {
    const out = new ByteWriter();
    out.varint(0xffff_ffff);
    out.f64(1);
    for (const one of [array(float64()), array(string()), map(int32(), int32()), string(), bytes()] as TypeSerializer<unknown>[]) {
      expect(outcome((input) => one.read(input), out.copy())).toBe("STATE_CORRUPT");
    }
  });
});

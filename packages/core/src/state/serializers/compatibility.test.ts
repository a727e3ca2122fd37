import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import {
  aliased, array, bigint64, boolean, ByteReader, ByteWriter, bytes, date, enumeration, float64, int32, int64, json, map, msgpack,
  nullable, optional, resolveCompatibility, serializer, serializerFromSnapshot, string, struct, tuple, variant, withDefault,
  type SerializerSnapshot, type TypeSerializer,
} from "./index.js";

function stored<T>(one: TypeSerializer<T>, value: T): Uint8Array {
  const out = new ByteWriter();
  one.write(value, out);
  return out.copy();
}

/** A snapshot as it comes back from a manifest. */
function kept(one: TypeSerializer<unknown>): SerializerSnapshot {
  return JSON.parse(JSON.stringify(one.snapshot())) as SerializerSnapshot;
}

/** What becomes of one stored value: the kind of compatibility, and the value as the current serializer then has it. */
function outcome<A>(old: TypeSerializer<A>, value: A, current: TypeSerializer<unknown>): readonly [string, unknown] {
  const found = resolveCompatibility(kept(old as TypeSerializer<unknown>), current);
  const input = new ByteReader(stored(old, value));
  if (found.kind === "incompatible") return [found.kind, found.path];
  const read = found.kind === "migrate" ? found.read(input) : current.read(input);
  input.expectEnd();
  const again = current.read(new ByteReader(stored(current, read)));
  return [found.kind, isDeepStrictEqual(again, read) ? read : { read, again }];
}

/** The path where two types part, or the kind of compatibility where they do not. */
function mismatch(old: TypeSerializer<unknown>, current: TypeSerializer<unknown>): string {
  const found = resolveCompatibility(kept(old), current);
  return found.kind === "incompatible" && found.reason !== "" ? found.path : `a type that is ${found.kind}`;
}

const point1 = serializer<number>({ type: "point", version: 1, write: (v, out) => out.i32(v), read: (input) => input.i32() });
const point2 = serializer<number>({
  type: "point",
  version: 2,
  write: (v, out) => out.f64(v),
  read: (input, version) => (version === 1 ? input.i32() : input.f64()),
  isCompatible: (version) => version === 1,
});

describe("scalars, every pair", () => {
  const scalars: readonly [string, TypeSerializer<unknown>][] = Object.entries({
    int32: int32(), int64: int64(), float64: float64(), bigint64: bigint64(), boolean: boolean(), string: string(), bytes: bytes(),
    date: date(),
    msgpack: msgpack(), json: json(), enumeration: enumeration("a"), array: array(int32()), map: map(string(), int32()),
    tuple: tuple(int32()),
    struct: struct({ a: int32() }), variant: variant("k", { a: {} }), custom: point1,
  });
  const allowed = new Map([["int32 int64", "migrate"], ["int32 float64", "migrate"], ["int32 bigint64", "migrate"],
    ["int64 bigint64", "as-is"]]);
  for (const [from, old] of scalars) {
    test(`from ${from}`, () => {
      for (const [to, current] of scalars) {
        const kind = from === to ? "as-is" : (allowed.get(`${from} ${to}`) ?? "incompatible");
        expect([to, resolveCompatibility(kept(old), current).kind]).toEqual([to, kind]);
      }
    });
  }

  test("widened values are the same numbers", () => {
    for (const value of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(outcome(int32(), value, int64())).toStrictEqual(["migrate", value]);
      expect(outcome(int32(), value, float64())).toStrictEqual(["migrate", value]);
      expect(outcome(int32(), value, bigint64())).toStrictEqual(["migrate", BigInt(value)]);
    }
    expect(outcome(int64(), Number.MIN_SAFE_INTEGER, bigint64())).toStrictEqual(["as-is", BigInt(Number.MIN_SAFE_INTEGER)]);
  });
});

describe("structs", () => {
  const old = struct({ count: int32(), city: string() });
  const value = { count: 5, city: "Oslo" };

  test("the same", () => {
    expect(outcome(old, value, struct({ count: int32(), city: string() }))).toStrictEqual(["as-is", value]);
  });

  test("new fields", () => {
    expect(outcome(old, value, struct({ count: int32(), city: string(), note: optional(string()) }))).toStrictEqual(
      ["migrate", { ...value, note: undefined }],
    );
    expect(outcome(old, value, struct({ tags: withDefault(array(string()), ["new"]), count: int32(), city: string() }))).toStrictEqual(
      ["migrate", { tags: ["new"], ...value }],
    );
    expect(mismatch(old, struct({ count: int32(), city: string(), mean: float64() }))).toBe("mean");
  });

  test("a default is a new value each time", () => {
    const current = struct({ count: int32(), city: string(), tags: withDefault(array(string()), []) });
    const found = resolveCompatibility(kept(old), current);
    if (found.kind !== "migrate") throw new Error(found.kind);
    const one = found.read(new ByteReader(stored(old, value)));
    one.tags.push("changed");
    expect(found.read(new ByteReader(stored(old, value))).tags).toEqual([]);
  });

  test("fields that are gone, even of types the job no longer has", () => {
    expect(outcome(old, value, struct({ city: string() }))).toStrictEqual(["migrate", { city: "Oslo" }]);
    const custom = struct({ p: point1, any: msgpack(), n: int32() });
    expect(outcome(custom, { p: 7, any: { a: [1n] }, n: 3 }, struct({ n: int32() }))).toStrictEqual(["migrate", { n: 3 }]);
  });

  test("moved, widened and wrapped fields", () => {
    expect(outcome(old, value, struct({ city: string(), count: int32() }))).toStrictEqual(["migrate", { city: "Oslo", count: 5 }]);
    expect(outcome(old, value, struct({ count: int64(), city: nullable(string()) }))).toStrictEqual(["migrate", value]);
    expect(outcome(old, value, struct({ count: optional(bigint64()), city: string() }))).toStrictEqual(
      ["migrate", { count: 5n, city: "Oslo" }],
    );
    expect(mismatch(old, struct({ count: string(), city: string() }))).toBe("count");
  });

  test("renamed fields", () => {
    // The same bytes under another name need no migration.
    expect(outcome(old, value, struct({ visits: aliased(int32(), "count"), city: string() }))).toStrictEqual(
      ["as-is", { visits: 5, city: "Oslo" }],
    );
    expect(outcome(old, value, struct({ visits: aliased(int64(), "hits", "count"), city: string() }))).toStrictEqual(
      ["migrate", { visits: 5, city: "Oslo" }],
    );
    expect(outcome(old, value, struct({ town: withDefault(aliased(string(), "city"), "?") }))).toStrictEqual(
      ["migrate", { town: "Oslo" }],
    );
    expect(outcome(old, value, struct({ town: aliased(withDefault(string(), "?"), "village") }))).toStrictEqual(
      ["migrate", { town: "?" }],
    );
  });

  test("a stored field is continued once", () => {
    const both = { a: withDefault(aliased(int32(), "count"), -1), b: withDefault(aliased(int32(), "count"), -2), city: string() };
    expect(outcome(old, value, struct(both))).toStrictEqual(["migrate", { a: 5, b: -2, city: "Oslo" }]);
    expect(outcome(old, value, struct({ a: withDefault(aliased(int32(), "count"), -1), count: int32() }))).toStrictEqual(
      ["migrate", { a: -1, count: 5 }],
    );
    expect(mismatch(old, struct({ a: aliased(int32(), "count"), count: int32() }))).toBe("a");
  });

  test("inside arrays, maps, tuples and structs", () => {
    const current = struct({ count: int64(), extra: withDefault(boolean(), true) });
    const one = { count: 5, extra: true };
    expect(outcome(array(old), [value, value], array(current))).toStrictEqual(["migrate", [one, one]]);
    expect(outcome(map(int32(), old), new Map([[1, value]]), map(int64(), current))).toStrictEqual(["migrate", new Map([[1, one]])]);
    expect(outcome(tuple(string(), old), ["a", value], tuple(string(), current))).toStrictEqual(["migrate", ["a", one]]);
    expect(outcome(struct({ inner: optional(old) }), { inner: value }, struct({ inner: optional(current) }))).toStrictEqual(
      ["migrate", { inner: one }],
    );
    expect(outcome(nullable(old), null, nullable(current))).toStrictEqual(["migrate", null]);
    expect(mismatch(struct({ list: array(old) }), struct({ list: array(struct({ count: string() })) }))).toBe("list[].count");
    expect(mismatch(map(string(), old), map(string(), struct({ count: boolean() })))).toBe("{value}.count");
    expect(mismatch(tuple(int32()), tuple(int32(), int32()))).toBe("");
  });
});

describe("variants and enumerations", () => {
  const old = variant("kind", { a: { x: int32() }, b: { y: string() } });

  test("new cases at the end need no migration, elsewhere one", () => {
    const value = { kind: "b", y: "t" } as const;
    expect(outcome(old, value, variant("kind", { a: { x: int32() }, b: { y: string() }, c: {} }))).toStrictEqual(["as-is", value]);
    expect(outcome(old, value, variant("kind", { c: {}, b: { y: string() }, a: { x: int32() } }))).toStrictEqual(["migrate", value]);
  });

  test("cases evolve like structs", () => {
    const current = variant("kind", { a: { x: int64(), z: optional(int32()) }, b: { y: string() } });
    expect(outcome(old, { kind: "a", x: 1 }, current)).toStrictEqual(["migrate", { kind: "a", x: 1, z: undefined }]);
    expect(outcome(old, { kind: "b", y: "t" }, current)).toStrictEqual(["migrate", { kind: "b", y: "t" }]);
  });

  test("cases do not go, tags do not change", () => {
    expect(mismatch(old, variant("kind", { a: { x: int32() } }))).toBe("b");
    expect(mismatch(old, variant("type", { a: { x: int32() }, b: { y: string() } }))).toBe("");
    expect(mismatch(old, variant("kind", { a: { x: string() }, b: { y: string() } }))).toBe("a.x");
  });

  test("enumerations", () => {
    expect(outcome(enumeration("a", "b"), "b", enumeration("a", "b", "c"))).toStrictEqual(["as-is", "b"]);
    expect(outcome(enumeration("a", "b"), "b", enumeration("c", "b", "a"))).toStrictEqual(["migrate", "b"]);
    expect(mismatch(enumeration("a", "b"), enumeration("a"))).toBe("");
  });
});

describe("serializers of one's own", () => {
  test("read older versions that they accept", () => {
    expect(outcome(point1, 7, point2)).toStrictEqual(["migrate", 7]);
    expect(outcome(struct({ p: point1 }), { p: 7 }, struct({ p: point2 }))).toStrictEqual(["migrate", { p: 7 }]);
    expect(mismatch(point2, point1)).toBe("");
    expect(mismatch(point1, serializer<number>({ type: "other", write: () => undefined, read: () => 1 }))).toBe("");
    expect(mismatch(point1, serializer<number>({ type: "point", fixedSizeBytes: 4, write: () => undefined, read: () => 1 }))).toBe("");
  });
});

describe("serializerFromSnapshot", () => {
  const all = struct({
    a: int32(), b: int64(), c: float64(), d: bigint64(), e: boolean(), f: string(), g: bytes(), h: date(), i: msgpack(), j: json(),
    k: array(optional(nullable(int32()))), l: map(string(), tuple(int32(), string())), m: enumeration("x", 1, null),
    n: variant("t", { one: { v: int32() }, two: {} }), o: point1,
  });
  const value = {
    a: 1, b: 2, c: 0.5, d: 4n, e: true, f: "s", g: Uint8Array.of(1), h: new Date(7), i: new Map([[1, undefined]]), j: { x: [] },
    k: [1, null, undefined], l: new Map<string, [number, string]>([["k", [1, "v"]]]), m: 1 as const, n: { t: "one" as const, v: 3 }, o: 9,
  };

  test("rebuilds a reader of every kind", () => {
    const rebuilt = serializerFromSnapshot(kept(all), (name) => (name === "point" ? point1 : undefined));
    expect(rebuilt.snapshot()).toEqual(all.snapshot());
    expect(rebuilt.read(new ByteReader(stored(all, value)))).toStrictEqual(value);
  });

  test("custom types are the job's own, of a version they read", () => {
    expect(() => serializerFromSnapshot(kept(point1))).toThrow(expect.objectContaining({ code: "STATE_INCOMPATIBLE" }));
    expect(serializerFromSnapshot(kept(point1), () => point2).read(new ByteReader(stored(point1, 6)))).toBe(6);
    expect(() => serializerFromSnapshot(kept(point2), () => point1)).toThrow(expect.objectContaining({ code: "STATE_INCOMPATIBLE" }));
  });

  const leaf = { type: "int32" };
  const deep = (depth: number): unknown => Array.from({ length: depth }).reduce((inner: unknown) => ({ type: "array", of: inner }), leaf);
  const wide = (width: number, of: unknown): unknown => ({ type: "tuple", elements: Array.from({ length: width }, () => of) });
  const hostile: readonly (readonly [string, unknown])[] = [
    ["nothing", undefined], ["null", null], ["text", "int32"], ["list", [leaf]], ["no type", {}], ["type of a number", { type: 1 }],
    ["extra property", { type: "int32", extra: 1 }], ["array of nothing", { type: "array" }],
    ["array and more", { type: "array", of: leaf, x: 1 }],
    ["struct without fields", { type: "struct", fields: [] }], ["fields no list", { type: "struct", fields: { length: 1 } }],
    ["field no object", { type: "struct", fields: [1] }], ["field without type", { type: "struct", fields: [{ name: "a" }] }],
    ["field __proto__", { type: "struct", fields: [{ name: "__proto__", type: leaf }] }],
    ["field constructor", { type: "struct", fields: [{ name: "constructor", type: leaf }] }],
    ["long name", { type: "struct", fields: [{ name: "x".repeat(257), type: leaf }] }],
    ["name twice", { type: "struct", fields: [{ name: "a", type: leaf }, { name: "a", type: leaf }] }],
    ["numbers out of order", { type: "struct", fields: [{ name: "b", type: leaf }, { name: "1", type: leaf }] }],
    ["tag as field", { type: "variant", tag: "t", cases: [{ name: "a", fields: [{ name: "t", type: leaf }] }] }],
    ["tag __proto__", { type: "variant", tag: "__proto__", cases: [{ name: "a", fields: [] }] }],
    ["no cases", { type: "variant", tag: "t", cases: [] }], ["enumeration of objects", { type: "enumeration", values: [{}] }],
    ["enumeration twice", { type: "enumeration", values: [1, 1] }], ["custom name", { type: "custom", name: "../x", version: 1 }],
    ["custom version", { type: "custom", name: "x", version: "1" }],
    ["custom size", { type: "custom", name: "x", version: 1, fixedSizeBytes: -1 }],
    ["too deep", deep(40)], ["far too deep", deep(50_000)], ["too wide", wide(1001, leaf)],
    ["too many parts", wide(1000, wide(1000, leaf))],
  ];
  for (const [name, snapshot] of hostile) {
    test(`hostile: ${name}`, () => {
      expect(() => serializerFromSnapshot(snapshot)).toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
      expect(() => resolveCompatibility(snapshot, int32())).toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
    });
  }

  test("kinds of a newer release are incompatible, not corrupt; names of Object.prototype too", () => {
    for (const type of ["decimal", "constructor", "__proto__", "toString"]) {
      expect(() => serializerFromSnapshot({ type })).toThrow(expect.objectContaining({ code: "STATE_INCOMPATIBLE" }));
      expect(resolveCompatibility({ type }, int32()).kind).toBe("incompatible");
    }
  });

  test("the deepest type that can be declared can be read back", () => {
    let one: TypeSerializer<unknown> = int32() as TypeSerializer<unknown>;
    for (;;) {
      try {
        one = variant("t", { a: { inner: one } }) as TypeSerializer<unknown>;
      } catch {
        break;
      }
    }
    expect(serializerFromSnapshot(kept(one)).snapshot()).toEqual(one.snapshot());
  });
});

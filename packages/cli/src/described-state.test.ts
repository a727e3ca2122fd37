import type { Json, KeyedStateHandle } from "@tidemark/core/storage";
import { describe, expect, test } from "vitest";
import { partsOf, statesOf } from "./described-state.js";

function handle(description: Json, files: readonly string[] = []): KeyedStateHandle {
  return { backend: "any", keyGroups: [0, 127], files, description };
}

function described(...states: Json[]): KeyedStateHandle {
  return handle({ states: { nextId: 9, states } });
}

const int = { type: "int64" };

describe("states", () => {
  test("by id, with the newest schema and the keys of maps", () => {
    const value = { id: 2, name: "total", kind: "value", hasTtl: true, namespace: int, schemas: [{ type: "int32" }, int] };
    const map = { id: 1, name: "seen", kind: "map", hasTtl: false, namespace: int, key: { type: "string" }, schemas: [int] };
    expect(statesOf(described(value, map))).toEqual([
      { id: 1, name: "seen", kind: "map", type: "string -> int64", hasTtl: false, schemaCount: 1 },
      { id: 2, name: "total", kind: "value", type: "int64", hasTtl: true, schemaCount: 2 },
    ]);
  });
  test.each<[Json, string]>([
    [{ type: "array", of: int }, "array<int64>"],
    [{ type: "map", key: { type: "string" }, value: int }, "map<string, int64>"],
    [{ type: "tuple", elements: [int, { type: "optional", of: int }] }, "[int64, optional<int64>]"],
    [{ type: "struct", fields: [{ name: "a", type: int }, { name: "b", type: { type: "date" } }] }, "{a: int64, b: date}"],
    [{ type: "variant", tag: "kind", cases: [{ name: "x", fields: [] }, { name: "y", fields: [] }] }, "x | y"],
    [{ type: "enumeration", values: ["a", 1, null] }, '"a" | 1 | null'],
    [{ type: "custom", name: "money", version: 1 }, "custom money"],
    [{ type: "of-tomorrow" }, "of-tomorrow"],
  ])("the type %j reads %s", (schema, text) => {
    expect(statesOf(described({ id: 1, name: "s", kind: "value", hasTtl: false, schemas: [schema] }))[0]?.type).toBe(text);
  });
  test("whatever a description holds, looking at it neither throws nor grows", () => {
    let deep: Json = int;
    for (let level = 0; level < 60; level += 1) deep = { type: "array", of: deep };
    const wide = { type: "struct", fields: Array.from({ length: 5000 }, (_, index) => ({ name: `f${index}`, type: int })) };
    const malformed: Json[] = [null, 7, "x", [], { type: 7 }, { type: "struct", fields: 3 }, { type: "tuple", elements: [null] }];
    for (const schema of [deep, wide, ...malformed]) {
      const [state] = statesOf(described({ id: 1, name: "s".repeat(1000), kind: "value", schemas: [schema] }));
      expect(state?.type.length).toBeLessThanOrEqual(200);
      expect(state?.name.length).toBeLessThanOrEqual(200);
    }
    const nameless: Json = { states: { states: [null, {}, { id: "1" }] } };
    const empty: Json[] = [null, 7, "x", [], {}, { states: null }, { states: { states: 3 } }, nameless];
    for (const hostile of empty) {
      expect(statesOf(handle(hostile))).toEqual([]);
    }
    const [state] = statesOf(described({ id: 1, name: "\u001b[2J", kind: "\u0007", schemas: [] }));
    expect(state).toMatchObject({ name: "\\u{1b}[2J", kind: "\\u{7}" });
    expect(statesOf(described(JSON.parse('{"__proto__":{"id":1,"name":"x","kind":"value"}}') as Json))).toEqual([]);
  });
});

describe("parts of files", () => {
  test("levels and keys of RocksDB, base and changes of fs, entries of the rest", () => {
    const tables = [
      { name: "a.sst", level: 6, smallestKey: "00", largestKey: "ff01" }, { name: "b.sst", level: 0, smallestKey: "xyz", largestKey: "00" },
    ];
    const description = { tables, base: { file: "base", seq: 3 }, segments: [{ file: "log", firstSeq: 4, lastSeq: 9 }] };
    expect(Object.fromEntries(partsOf(handle(description, ["a.sst", "b.sst", "base", "log", "other"])))).toEqual({
      "a.sst": { part: "level 6", level: 6, keys: ["00", "ff01"] }, "b.sst": { part: "level 0", level: 0 },
      base: { part: "base" }, log: { part: "changes 4-9" }, other: { part: "entries" },
    });
  });
  test("malformed ones are left out", () => {
    const tables = [null, { name: 3, level: 1 }, { name: "x", level: "0" }, { name: "y", level: 0.5 }];
    for (const hostile of [null, [], { tables: 3 }, { tables }] as Json[]) {
      expect([...partsOf(handle(hostile)).keys()]).toEqual([]);
    }
  });
});

// One file past 400 lines: every test drives the same state, from packed maps to those on the heap.
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../testing/random.js";
import { EntryKeys } from "../bytes/entry-keys.js";
import { KeyContext } from "../key-context.js";
import { voidNamespace } from "../namespace.js";
import {
  boolean, ByteReader, int32, int64, type KeySerializer, string, struct, type TypeSerializer, withDefault,
} from "../serializers/index.js";
import { entriesOf, restore, same, stateId, type StoredEntry } from "./collections.test.support.js";
import type { TableCollectionOptions } from "./table-collection.js";
import { TableMapState } from "./table-map-state.js";

type Options = TableCollectionOptions & { readonly namespaces?: KeySerializer<unknown> };

interface Opened<UK, UV> {
  readonly context: KeyContext<number>;
  readonly state: TableMapState<number, unknown, UK, UV>;
}

function open<UK, UV>(
  mapKeys: KeySerializer<UK>,
  values: TypeSerializer<UV>,
  { namespaces = voidNamespace as KeySerializer<unknown>, ...options }: Options = {},
): Opened<UK, UV> {
  const context = new KeyContext(int64(), { first: 0, last: 127 }, 128);
  return { context, state: new TableMapState(new EntryKeys(context, stateId, namespaces), mapKeys, values, options) };
}

interface Shape {
  readonly name: string;
  readonly mapKeys: KeySerializer<unknown>;
  readonly values: TypeSerializer<unknown>;
  readonly makeKey: (n: number) => unknown;
  readonly makeValue: (n: number) => unknown;
  readonly hasNamespaces?: boolean;
}

const text = (n: number): string => "x".repeat(n % 9 === 0 ? 300 : n % 40);
const shapes: readonly Shape[] = [
  { name: "int64 -> int64", mapKeys: int64(), values: int64(), makeKey: (n) => n * 1_000_003 - 50_000_000, makeValue: (n) => n },
  { name: "int64 keys that end alike", mapKeys: int64(), values: int64(), makeKey: (n) => (n - 50) * 2 ** 32 + 7, makeValue: (n) => n },
  {
    name: "int32 -> struct of fixed size, with namespaces", mapKeys: int32(), values: struct({ a: int64(), b: int32() }),
    makeKey: (n) => n - 100, makeValue: (n) => ({ a: n, b: -n }), hasNamespaces: true,
  },
  {
    name: "string -> struct with a string", mapKeys: string(), values: struct({ n: int64(), text: string() }),
    makeKey: (n) => (n === 0 ? "" : `${text(n)}${n}`), makeValue: (n) => ({ n, text: text(n) }), hasNamespaces: true,
  },
  { name: "string -> int64", mapKeys: string(), values: int64(), makeKey: (n) => `k${n}`, makeValue: (n) => n },
  { name: "int64 -> string", mapKeys: int64(), values: string(), makeKey: (n) => n, makeValue: text },
] as readonly Shape[];

function openShape({ mapKeys, values, hasNamespaces = false }: Shape): Opened<unknown, unknown> {
  return open(mapKeys, values, hasNamespaces ? { namespaces: int32() as KeySerializer<unknown> } : {});
}

/** Maps by owner, each by number of the map key: what a state should hold. */
type Model = Map<string, Map<number, unknown>>;

const copyOf = (model: Model): Model => new Map([...model].map(([owner, map]) => [owner, new Map(map)]));

class Pair {
  readonly shape: Shape;
  readonly opened: Opened<unknown, unknown>;
  model: Model = new Map();
  #owner = "";

  constructor(shape: Shape) {
    this.shape = shape;
    this.opened = openShape(shape);
  }

  at(key: number, namespace: number): Map<number, unknown> {
    this.opened.context.set(key);
    if (this.shape.hasNamespaces === true) this.opened.state.setNamespace(namespace);
    this.#owner = this.shape.hasNamespaces === true ? `${key} ${namespace}` : `${key}`;
    return this.model.get(this.#owner) ?? new Map<number, unknown>();
  }

  change(random: SeededRandom, mapKeys: number): void {
    const { state } = this.opened;
    const { makeKey, makeValue } = this.shape;
    const map = this.at(random.below(6), random.below(3));
    const n = random.below(mapKeys);
    const value = random.below(1_000);
    const choice = random.below(100);
    if (choice < 55) {
      state.put(makeKey(n), makeValue(value));
      map.set(n, makeValue(value));
    } else if (choice < 65) {
      const added = Array.from({ length: random.below(40) }, (_, i) => (n + i * 3) % mapKeys);
      state.putAll(added.map((one) => [makeKey(one), makeValue(one + value)] as const));
      for (const one of added) map.set(one, makeValue(one + value));
    } else if (choice < 98) {
      state.remove(makeKey(n));
      map.delete(n);
    } else {
      state.clear();
      map.clear();
    }
    if (map.size === 0) this.model.delete(this.#owner);
    else this.model.set(this.#owner, map);
  }

  checkOne(random: SeededRandom, mapKeys: number): void {
    const { state } = this.opened;
    const { makeKey } = this.shape;
    const map = this.at(random.below(6), random.below(3));
    const n = random.below(mapKeys);
    same(state.get(makeKey(n)), map.get(n));
    same(state.contains(makeKey(n)), map.has(n));
    same(state.isEmpty(), map.size === 0);
  }

  check(other: Opened<unknown, unknown> = this.opened, model: Model = this.model): void {
    const { state, context } = other;
    let size = 0;
    for (let key = 0; key < 6; key += 1) {
      for (let namespace = 0; namespace < (this.shape.hasNamespaces === true ? 3 : 1); namespace += 1) {
        context.set(key);
        if (this.shape.hasNamespaces === true) state.setNamespace(namespace);
        const map = model.get(this.shape.hasNamespaces === true ? `${key} ${namespace}` : `${key}`) ?? new Map<number, unknown>();
        const sorted = [...map].map(([n, value]) => [this.shape.makeKey(n) as number, value] as const);
        sorted.sort(([left], [right]) => (left < right ? -1 : 1));
        same([...state.entries()], sorted);
        same([...state.keys()], sorted.map(([key]) => key));
        same([...state.values()], sorted.map(([, value]) => value));
        size += map.size;
      }
      if (this.shape.hasNamespaces !== true) continue;
      same(state.namespaces(), [0, 1, 2].filter((namespace) => model.has(`${key} ${namespace}`)));
    }
    same(state.size, size);
    same([...state.stateKeys()].sort(), [...new Set([...model.keys()].map((owner) => Number.parseInt(owner, 10)))].sort());
    same([...state.owners()].length, model.size);
  }
}

describe.each(shapes)("$name", (shape) => {
  // Few map keys stay packed, many go beyond what is packed, and most walk between the two.
  test.each([12, 200, 700])("agrees with Maps over random changes, freezes, sweeps and restores: %d map keys", (mapKeys) => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const random = new SeededRandom(seed);
      const pair = new Pair(shape);
      const { state } = pair.opened;
      let frozen: Model | undefined;
      try {
        for (let step = 0; step < 2500; step += 1) {
          pair.change(random, mapKeys);
          pair.checkOne(random, mapKeys);
          if (random.below(300) === 0) pair.check();
          if (random.below(150) !== 0) continue;
          if (frozen === undefined) {
            state.freeze();
            frozen = copyOf(pair.model);
            continue;
          }
          const restored = openShape(shape);
          // By key groups it can be read any number of times.
          const parts = [{ first: 0, last: 60 }, { first: 61, last: 127 }].flatMap((keyGroups) => entriesOf(state, keyGroups));
          const whole = entriesOf(state);
          const textOf = ({ key, value }: StoredEntry): string => Buffer.concat([key, value]).toString("hex");
          same(parts.map(textOf).sort(), whole.map(textOf).sort());
          restore(restored.state, whole);
          pair.check(restored, frozen);
          state.release();
          frozen = undefined;
        }
        pair.check();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});

describe("expiry", () => {
  // An entry has expired where its value is below a number.
  test.each([
    { name: "packed maps", entries: 20 },
    { name: "maps on the heap", entries: 600 },
  ])("a sweep removes expired entries of $name", ({ entries }) => {
    const { state, context } = open(int64(), int64());
    for (let key = 0; key < 30; key += 1) {
      context.set(key);
      // Map 7 expires whole.
      for (let n = 0; n < entries; n += 1) state.put(n, key === 7 ? 0 : n % 3);
    }
    state.freeze();
    for (let step = 0; step < 20_000; step += 1) state.sweep((stored) => (stored as number) < 1, 4);
    const alive = Array.from({ length: entries }, (_, n) => n).filter((n) => n % 3 > 0);
    for (let key = 0; key < 30; key += 1) {
      context.set(key);
      expect([...state.keys()]).toEqual(key === 7 ? [] : alive);
      expect(state.isEmpty()).toBe(key === 7);
    }
    expect(state.size).toBe(29 * alive.length);
    expect([...state.stateKeys()]).not.toContain(7);
    expect([...state.stateKeys()]).toHaveLength(29);
    // The freeze is from before.
    expect(entriesOf(state)).toHaveLength(30 * entries);
    state.release();
  });

  test("a sweep looks at a few maps with each call and comes to all", () => {
    const { state, context } = open(int64(), int64());
    for (let key = 0; key < 2_000; key += 1) {
      context.set(key);
      state.put(1, key);
    }
    let looked = 0;
    for (let step = 0; step < 1_000; step += 1) state.sweep(() => ((looked += 1), false), 4);
    expect(looked).toBeGreaterThan(900);
    // Ahead by one segment at most.
    expect(looked).toBeLessThan(1_000 + 700);
  });
});

describe("from packed to the heap", () => {
  const fill = ({ state }: Opened<number, number>, from: number, to: number): void => {
    for (let n = from; n < to; n += 1) state.put(n, n);
  };
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  test("a map that moves during a freeze is in the freeze as it was, once", () => {
    const opened = open(int64(), int64());
    const { state, context } = opened;
    context.set(1);
    fill(opened, 0, 200);
    context.set(2);
    fill(opened, 0, 500);
    state.freeze();
    context.set(1);
    fill(opened, 200, 500);
    context.set(2);
    state.clear();
    fill(opened, 0, 3);
    context.set(3);
    fill(opened, 0, 500);
    const restored = open(int64(), int64());
    restore(restored.state, entriesOf(state));
    state.release();
    for (const [{ state, context }, sizes] of [[restored, [200, 500, 0]], [opened, [500, 3, 500]]] as const) {
      for (const [index, size] of sizes.entries()) {
        context.set(index + 1);
        expect([...state.keys()]).toEqual(numbers(size));
      }
      expect(state.size).toBe(sizes[0] + sizes[1] + sizes[2]);
    }
    state.freeze();
    expect(entriesOf(state)).toHaveLength(1003);
    state.release();
  });

  test("the last entry out, by remove() or clear(), leaves nothing, and a map may begin again", () => {
    const opened = open(int64(), int64());
    const { state, context } = opened;
    for (const empty of [() => numbers(400).forEach((n) => state.remove(n)), () => state.clear()]) {
      context.set(1);
      fill(opened, 0, 400);
      expect(state.isEmpty()).toBe(false);
      empty();
      expect([state.size, state.isEmpty(), [...state.stateKeys()], [...state.owners()]]).toEqual([0, true, [], []]);
      fill(opened, 0, 3);
      expect([...state.keys()]).toEqual([0, 1, 2]);
      state.clear();
    }
  });

  test("an entry too large to be packed may be the first one, or come to packed ones", () => {
    const { state, context } = open(string(), string());
    const huge = "v".repeat(100_000);
    const hugeKey = "k".repeat(50_000);
    for (const before of [0, 5]) {
      context.set(before);
      for (let n = 0; n < before; n += 1) state.put(`${n}`, `${n}`);
      state.put("huge", huge);
      state.put(hugeKey, "huge key");
      expect([state.get("huge"), state.get(hugeKey), state.contains(`${hugeKey}k`)]).toEqual([huge, "huge key", false]);
      expect([...state.keys()]).toHaveLength(before + 2);
      state.remove("huge");
      state.remove(hugeKey);
      expect([...state.values()]).toEqual(Array.from({ length: before }, (_, n) => `${n}`));
    }
  });

  test("values that grow and shrink in place", () => {
    const { state, context } = open(int64(), string());
    context.set(1);
    for (const length of [0, 1, 100, 126, 127, 128, 129, 3_000, 200, 3_900, 3, 0]) {
      for (const n of [2, 1, 3]) state.put(n, "x".repeat(length + n));
      expect([...state.entries()]).toEqual([1, 2, 3].map((n) => [n, "x".repeat(length + n)]));
    }
  });

  test("map keys of one size are refused where they are too large behind the current key, by putAll too", () => {
    const { context, state } = open(int64(), int64(), { namespaces: string() as KeySerializer<unknown> });
    context.set(1);
    // All but a few of the 131,076 bytes of a stored key.
    state.setNamespace("n".repeat(131_058));
    for (const add of [() => state.put(1, 2), () => state.putAll([[1, 2]]), () => state.putAll(new Map([[3, 4]]))]) {
      expect(add).toThrow(expect.objectContaining({ code: "KEY_TOO_LARGE" }));
      expect(state.isEmpty()).toBe(true);
    }
    expect(state.size).toBe(0);
    state.setNamespace("n".repeat(131_000));
    state.putAll([[1, 2]]);
    expect(state.get(1)).toBe(2);
  });

  test("what cannot be stored changes nothing; where the heap refuses the first entry there is no map", () => {
    const refuse = (): never => {
      throw new Error("refused");
    };
    const heapChanges = { put: refuse, append: refuse, delete: () => undefined, deleteAll: () => undefined };
    const { state, context } = open(string(), string(), { heapChanges });
    context.set(1);
    expect(() => state.put("large", "x".repeat(5_000))).toThrow("refused");
    expect([state.isEmpty(), state.size, [...state.stateKeys()]]).toEqual([true, 0, []]);
    state.put("a", "1");
    expect(() => state.put("large", "x".repeat(5_000))).toThrow("refused");
    expect([...state.entries()]).toEqual([["a", "1"]]);
    context.set(2);
    const refused = expect.objectContaining({ code: "VALUE_NOT_SERIALIZABLE" });
    expect(() => state.putAll([["a", "1"], ["b", 2 as unknown as string]])).toThrow(refused);
    expect(() => state.put(1 as unknown as string, "1")).toThrow(expect.objectContaining({ code: "KEY_TYPE" }));
    expect(() => state.put("k".repeat(200_000), "1")).toThrow(expect.objectContaining({ code: "KEY_TOO_LARGE" }));
    expect(state.isEmpty()).toBe(true);
  });
});

test("an iteration is over the map at its first step, whatever is changed, and may be left", () => {
  const { state, context } = open(int64(), int64());
  context.set(1);
  for (let n = 0; n < 10; n += 1) state.put(n, n);
  const late = state.entries();
  state.put(10, 10);
  const seen: number[] = [];
  for (const [key] of late) {
    seen.push(key);
    state.remove(key);
    state.put(key + 100, key);
    context.set(2);
    // Others walk at the same time.
    state.put(key, key);
    expect([...state.keys()]).toHaveLength(seen.length);
    for (const _ of state.values()) break;
    context.set(1);
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect([...state.keys()]).toEqual(seen.map((key) => key + 100));
  const left = state.keys();
  expect([left.next().value, left.return?.().done, left.next().done, left.next().done]).toEqual([100, true, true, true]);
  expect([...late]).toEqual([]);
});

test("putAll takes what an iterable gives that uses the state itself, and many entries at once", () => {
  const { state, context } = open(int64(), string());
  context.set(1);
  function* added(): Generator<readonly [number, string]> {
    for (let n = 0; n < 50; n += 1) {
      state.put(n + 1000, "other");
      yield [n, `${n}${state.contains(n)}`];
    }
  }
  state.putAll(added());
  expect([...state.entries()].slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, n) => [n, `${n}false`]));
  const many = Array.from({ length: 5_000 }, (_, n) => [n, "y".repeat(n % 50)] as const);
  state.putAll(new Map(many));
  expect([...state.entries()].slice(0, 5_000)).toEqual(many);
});

test("a map key may have no bytes at all", () => {
  const only: KeySerializer<null> = { writeKey: () => undefined, readKey: () => null, keySnapshot: () => ({ type: "only" }) };
  for (const mapKeys of [only, { ...only, fixedKeyBytes: 0 }]) {
    const { state, context } = open(mapKeys, int64());
    context.set(1);
    state.put(null, 5);
    state.put(null, 6);
    expect([[...state.entries()], state.get(null), state.size]).toEqual([[[null, 6]], 6, 1]);
    state.remove(null);
    expect(state.isEmpty()).toBe(true);
  }
});

test("map keys of one byte", () => {
  const { state, context } = open(boolean(), int64());
  context.set(1);
  state.put(true, 1);
  expect([state.get(false), state.contains(true)]).toEqual([undefined, true]);
  state.put(false, 2);
  expect([...state.entries()]).toEqual([[false, 2], [true, 1]]);
});

test("a key that is not of the size its serializer says is refused", () => {
  const { state, context } = open({ ...string(), fixedKeyBytes: 3 }, int64());
  context.set(1);
  state.put("ab", 1);
  expect(() => state.put("abc", 2)).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  expect([...state.keys()]).toEqual(["ab"]);
});

test("values of older schemas are read from stored entries, packed or not", () => {
  const oldValues = struct({ n: int32() });
  const older = open(int64(), oldValues);
  for (const [key, count] of [[1, 3], [2, 900]] as const) {
    older.context.set(key);
    for (let n = 0; n < count; n += 1) older.state.put(n, { n });
  }
  older.state.freeze();
  const newValues = struct({ n: int64(), label: withDefault(string(), "none") });
  const newer = open(int64(), newValues, { schemas: [oldValues.snapshot(), newValues.snapshot()] });
  restore(newer.state, entriesOf(older.state));
  for (const [key, count] of [[1, 3], [2, 900]] as const) {
    newer.context.set(key);
    expect([...newer.state.values()]).toEqual(Array.from({ length: count }, (_, n) => ({ n, label: "none" })));
    newer.state.put(1, { n: 2 ** 40, label: "new" });
    expect(newer.state.get(1)).toEqual({ n: 2 ** 40, label: "new" });
  }
});

test("damaged stored entries are refused", () => {
  const { state, context } = open(int64(), int64());
  context.set(7);
  state.put(1, 2);
  state.freeze();
  const [entry] = entriesOf(state);
  state.release();
  if (entry === undefined) throw new Error("no entry");
  const { keyGroup } = context;
  const corrupt = expect.objectContaining({ code: "STATE_CORRUPT" });
  const key = (bytes: Uint8Array = entry.key): ByteReader => new ByteReader(bytes, 4);
  expect(() => state.restoreEntry((keyGroup + 1) % 128, key(), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, key(entry.key.subarray(0, 15)), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, key(Buffer.concat([entry.key, Buffer.of(0)])), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, key(), new ByteReader(entry.value.subarray(0, 4)))).toThrow(corrupt);
  expect([...state.entries()]).toEqual([[1, 2]]);
});

test("there is no access without a current key, or after close()", () => {
  const { state, context } = open(int64(), int64());
  for (const [code, end] of [["NO_CURRENT_KEY", () => context.clear()], ["DISPOSED", () => context.close()]] as const) {
    end();
    const accesses = [
      () => state.get(1), () => state.put(1, 1), () => state.putAll([[1, 1]]), () => state.remove(1), () => state.contains(1),
      () => state.isEmpty(), () => state.entries().next(), () => state.clear(),
    ];
    for (const access of accesses) expect(access).toThrow(expect.objectContaining({ code }));
  }
});

test("past maxBytes changes throw NO_MEMORY and leave the maps as they were", () => {
  const { state, context } = open(int64(), string(), { maxBytes: 3 * 1024 * 1024 });
  const put = (key: number, n: number): void => {
    context.set(key);
    state.put(n, `${key} ${n} ${"x".repeat(100)}`);
  };
  let key = 0;
  const fillUp = (): void => {
    for (; ; key += 1) for (let n = 0; n < 5; n += 1) put(key, n);
  };
  expect(fillUp).toThrow(expect.objectContaining({ code: "NO_MEMORY" }));
  expect(key).toBeGreaterThan(1_000);
  for (let one = 0; one < key; one += 1) {
    context.set(one);
    expect([...state.keys()]).toEqual([0, 1, 2, 3, 4]);
  }
});

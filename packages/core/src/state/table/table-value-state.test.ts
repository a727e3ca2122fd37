import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../testing/random.js";
import { EntryKeys } from "../bytes/entry-keys.js";
import { KeyContext } from "../key-context.js";
import { voidNamespace } from "../namespace.js";
import {
  bigint64, boolean, bytes, ByteReader, date, float64, int32, int64, type KeySerializer, string, struct, tuple, type TypeSerializer,
} from "../serializers/index.js";
import { TableValueState, type TableStateOptions } from "./table-value-state.js";

const keyGroups = { first: 0, last: 127 };

function open<K, N, T>(keys: KeySerializer<K>, namespaces: KeySerializer<N>, values: TypeSerializer<T>, options?: TableStateOptions) {
  const context = new KeyContext(keys, keyGroups, 128);
  const entryKeys = new EntryKeys(context, 9, namespaces);
  return { context, entryKeys, state: new TableValueState(entryKeys, values, options) };
}

/** The stored entries of a freeze, and a state restored from them. */
function entriesOf(state: TableValueState<never, never, never>): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  const found: { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
  for (const _ of state.frozenEntries((key, value) => found.push({ key: key.copy(), value: value.copy() })));
  return found;
}

function restore(state: TableValueState<never, never, never>, entries: ReturnType<typeof entriesOf>): void {
  for (const { key, value } of entries) {
    const reader = new ByteReader(key);
    const keyGroup = reader.u16be();
    expect(reader.u16be()).toBe(9);
    state.restoreEntry(keyGroup, reader, new ByteReader(value));
  }
}

const untyped = <K, N, T>(state: TableValueState<K, N, T>) => state as unknown as TableValueState<never, never, never>;

describe.each([
  { name: "int64 -> int64", keys: int64(), values: int64(), makeKey: (n: number) => n * 7_000_000_007, makeValue: (n: number) => 1 - n },
  { name: "string -> struct with a string", keys: string(), values: struct({ count: int64(), text: string() }),
    makeKey: (n: number) => `user ${n}`, makeValue: (n: number) => ({ count: n, text: "x".repeat(n % 90) }) },
  { name: "tuple -> float64", keys: tuple(int32(), boolean()), values: float64(),
    makeKey: (n: number) => [n, n % 2 === 0], makeValue: (n: number) => n / 3 },
])("$name", ({ keys, values, makeKey, makeValue }) => {
  const anyKeys = keys as KeySerializer<unknown>;
  const anyValues = values as TypeSerializer<unknown>;

  test("agrees with a Map; a snapshot taken on the way restores to what was there", () => {
    for (const seed of [1, 2, 3]) {
      const random = new SeededRandom(seed);
      const { context, state } = open(anyKeys, voidNamespace, anyValues);
      const model = new Map<number, unknown>();
      let frozenModel = new Map<number, unknown>();
      let entries: ReturnType<typeof entriesOf> = [];
      for (let step = 0; step < 4000; step += 1) {
        const n = random.below(1500);
        context.set(makeKey(n));
        if (random.below(4) === 0) {
          state.clear();
          model.delete(n);
        } else {
          state.update(makeValue(step));
          model.set(n, makeValue(step));
        }
        context.set(makeKey(random.below(1500)));
        if (step === 2000) {
          state.freeze();
          frozenModel = new Map(model);
        }
        if (step === 3000) {
          entries = entriesOf(untyped(state));
          state.release();
        }
      }
      expect(state.size, `seed ${seed}`).toBe(model.size);
      const restored = open(anyKeys, voidNamespace, anyValues);
      restore(untyped(restored.state), entries);
      expect(restored.state.size).toBe(frozenModel.size);
      for (let n = 0; n < 1500; n += 1) {
        for (const [one, expected] of [[{ context, state }, model], [restored, frozenModel]] as const) {
          one.context.set(makeKey(n));
          expect(one.state.value(), `seed ${seed} key ${n}`).toEqual(expected.get(n));
        }
      }
      const textOf = (key: unknown): string => JSON.stringify(key);
      expect([...state.stateKeys()].map(textOf).toSorted()).toEqual([...model.keys()].map((n) => textOf(makeKey(n))).toSorted());
    }
  });
});

test.each([
  { name: "fixed sizes", namespaces: int64(), makeNamespace: (n: number) => n * 60_000 },
  { name: "strings", namespaces: string(), makeNamespace: (n: number) => `window ${n}` },
])("namespaces: $name", ({ namespaces, makeNamespace }) => {
  const opened = open(int64(), namespaces as KeySerializer<unknown>, int64());
  for (let key = 0; key < 300; key += 1) {
    opened.context.set(key);
    for (let n = 0; n <= key % 4; n += 1) {
      opened.entryKeys.setNamespace(makeNamespace(n));
      opened.state.update(key * 10 + n);
    }
  }
  const { state, context, entryKeys } = opened;
  const reopened = open(int64(), namespaces as KeySerializer<unknown>, int64());
  state.freeze();
  restore(untyped(reopened.state), entriesOf(untyped(state)));
  state.release();
  for (const one of [{ state, context, entryKeys }, reopened]) {
    expect(one.state.size).toBe(750);
    const keys = [...one.state.stateKeys()];
    expect(keys.toSorted((left, right) => left - right)).toEqual(Array.from({ length: 300 }, (_, key) => key));
    expect([...one.state.owners()].length).toBe(750);
    for (let key = 0; key < 300; key += 1) {
      one.context.set(key);
      expect(one.state.namespaces()).toEqual(Array.from({ length: (key % 4) + 1 }, (_, n) => makeNamespace(n)));
      one.entryKeys.setNamespace(makeNamespace(key % 4));
      expect(one.state.value()).toBe(key * 10 + (key % 4));
      one.entryKeys.setNamespace(makeNamespace(9));
      expect(one.state.value()).toBeUndefined();
    }
  }
});

test("a refused value leaves the one before", () => {
  const { context, state } = open(int64(), voidNamespace, int64());
  context.set(1);
  state.update(5);
  expect(() => state.update("six" as unknown as number)).toThrow(expect.objectContaining({ code: "VALUE_NOT_SERIALIZABLE" }));
  expect(state.value()).toBe(5);
});

test("there is no access without a current key, or after close()", () => {
  const { context, state } = open(int64(), voidNamespace, int64());
  for (const [code, end] of [["NO_CURRENT_KEY", () => context.clear()], ["DISPOSED", () => context.close()]] as const) {
    end();
    for (const access of [() => state.value(), () => state.update(1), () => state.clear()]) {
      expect(access).toThrow(expect.objectContaining({ code }));
    }
  }
});

test("keys come in byte order of (key group, key)", () => {
  const { context, state } = open(string(), voidNamespace, int64());
  const stored: Uint8Array[] = [];
  for (let i = 0; i < 3000; i += 1) {
    context.set(`key ${i}`);
    state.update(i);
  }
  for (const key of state.stateKeys()) {
    context.set(key);
    stored.push(context.entryKey(9).copy());
  }
  expect(stored).toHaveLength(3000);
  expect(stored).toEqual(stored.toSorted((left, right) => Buffer.compare(left, right)));
});

test("values of an older schema are read, and stored in the newest", () => {
  const older = open(int64(), voidNamespace, int32());
  older.context.set(1);
  older.state.update(41);
  older.state.freeze();
  const newer = open(int64(), voidNamespace, int64(), { schemas: [int32().snapshot(), int64().snapshot()] });
  restore(untyped(newer.state), entriesOf(untyped(older.state)));
  newer.context.set(1);
  expect(newer.state.value()).toBe(41);
  newer.state.update(2 ** 40);
  expect(newer.state.value()).toBe(2 ** 40);
});

test("damaged entries are refused", () => {
  const { context, state } = open(int64(), voidNamespace, int64());
  context.set(7);
  state.update(1);
  state.freeze();
  const [entry] = entriesOf(untyped(state));
  if (entry === undefined) throw new Error("no entry");
  const keyGroup = context.keyGroup;
  const key = (): ByteReader => new ByteReader(entry.key, 4);
  const corrupt = expect.objectContaining({ code: "STATE_CORRUPT" });
  expect(() => state.restoreEntry((keyGroup + 1) % 128, key(), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, new ByteReader(entry.key, 4, 11), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, key(), new ByteReader(entry.value.subarray(0, 5)))).toThrow(corrupt);
  const longer = new ByteReader(Buffer.concat([entry.key, Buffer.of(0)]), 4);
  expect(() => state.restoreEntry(keyGroup, longer, new ByteReader(entry.value))).toThrow(corrupt);
  state.restoreEntry(keyGroup, key(), new ByteReader(entry.value));
  expect(state.size).toBe(1);
});

test("a sweep removes what has expired", () => {
  const { context, state } = open(int64(), voidNamespace, int64());
  for (let key = 0; key < 2000; key += 1) {
    context.set(key);
    state.update(key);
  }
  for (let step = 0; step < 50; step += 1) state.sweep((stored) => (stored as number) < 1500, 100);
  expect([...state.stateKeys()].every((key) => key >= 1500)).toBe(true);
  expect(state.size).toBe(500);
});

test("the known sizes of keys are those of their encodings", () => {
  const random = new SeededRandom(1);
  const number = (): number => random.below(1_000_000) - 500_000;
  const cases: readonly (readonly [KeySerializer<unknown>, () => unknown])[] = [
    [boolean(), () => random.below(2) === 0], [int32(), number], [int64(), number], [float64(), () => number() / 7],
    [bigint64(), () => BigInt(number())], [date(), () => new Date(number())], [tuple(int64(), int32()), () => [number(), number()]],
    [struct({ at: date(), on: boolean() }), () => ({ at: new Date(number()), on: false })],
  ];
  for (const [serializer, make] of cases) {
    const { context } = open(serializer, voidNamespace, int64());
    for (let i = 0; i < 50; i += 1) {
      context.set(make());
      expect(context.entryKey(9).length - 4).toBe(serializer.fixedKeyBytes);
    }
  }
  for (const varying of [string(), bytes(), tuple(int64(), string())]) expect(varying.fixedKeyBytes).toBeUndefined();
});

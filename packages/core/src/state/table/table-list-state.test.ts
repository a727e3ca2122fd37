import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../testing/random.js";
import { EntryKeys } from "../bytes/entry-keys.js";
import { KeyContext } from "../key-context.js";
import { voidNamespace } from "../namespace.js";
import { ByteReader, int32, int64, type KeySerializer, string, struct, type TypeSerializer } from "../serializers/index.js";
import { TableListState } from "./table-list-state.js";
import { entriesOf, restore, same, stateId } from "./collections.test.support.js";
import type { TableCollectionOptions } from "./table-collection.js";

type Options = TableCollectionOptions & { readonly namespaces?: KeySerializer<unknown> };

interface Opened<T> {
  readonly context: KeyContext<number>;
  readonly state: TableListState<number, unknown, T>;
}

function open<T>(
  elements: TypeSerializer<T>,
  { namespaces = voidNamespace as KeySerializer<unknown>, ...options }: Options = {},
): Opened<T> {
  const context = new KeyContext(int64(), { first: 0, last: 127 }, 128);
  return { context, state: new TableListState(new EntryKeys(context, stateId, namespaces), elements, options) };
}

interface Shape {
  readonly name: string;
  readonly elements: TypeSerializer<unknown>;
  readonly make: (n: number) => unknown;
  readonly hasNamespaces: boolean;
}

const shapes = [
  { name: "int64", elements: int64(), make: (n: number) => n - 500, hasNamespaces: false },
  { name: "string, with namespaces", elements: string(), make: (n: number) => "x".repeat(n % 200), hasNamespaces: true },
  {
    name: "struct, with namespaces", elements: struct({ n: int64(), text: string() }),
    make: (n: number) => ({ n, text: "é".repeat(n % 20) }), hasNamespaces: true,
  },
] as unknown as readonly Shape[];

describe.each(shapes)("$name", ({ elements, make, hasNamespaces }) => {
  const reopen = (): Opened<unknown> => open(elements, hasNamespaces ? { namespaces: int32() as KeySerializer<unknown> } : {});

  // Small changes stay in the table, larger ones go beyond what is there.
  test.each([3, 60, 500])("agrees with arrays over random changes, freezes and restores: up to %d elements at once", (most) => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const random = new SeededRandom(seed);
      const opened = reopen();
      const { state } = opened;
      const model = new Map<string, unknown[]>();
      const go = ({ state, context }: Opened<unknown>, key: number, namespace: number): string => {
        context.set(key);
        if (hasNamespaces) state.setNamespace(namespace);
        return hasNamespaces ? `${key} ${namespace}` : `${key}`;
      };
      const check = (one: Opened<unknown>, expected: ReadonlyMap<string, unknown[]>): void => {
        for (let key = 0; key < 6; key += 1) {
          for (let namespace = 0; namespace < 3; namespace += 1) {
            const owner = go(one, key, namespace);
            same(one.state.get(), expected.get(owner) ?? []);
          }
          if (hasNamespaces) same(one.state.namespaces(), [0, 1, 2].filter((namespace) => expected.has(`${key} ${namespace}`)));
        }
        same(one.state.size, expected.size);
        same([...one.state.stateKeys()].sort(), [...new Set([...expected.keys()].map((owner) => Number.parseInt(owner, 10)))].sort());
      };
      let frozen: Map<string, unknown[]> | undefined;
      for (let step = 0; step < 1500; step += 1) {
        const owner = go(opened, random.below(6), random.below(3));
        const before = model.get(owner) ?? [];
        const added = Array.from({ length: random.below(most + 1) }, () => make(random.below(1000)));
        const choice = random.below(20);
        if (choice < 8) {
          state.add(make(step));
          model.set(owner, [...before, make(step)]);
        } else if (choice < 14) {
          state.addAll(random.below(2) === 0 ? added : added.values());
          if (before.length + added.length > 0) model.set(owner, [...before, ...added]);
        } else if (choice < 18) {
          state.update(added);
          if (added.length > 0) model.set(owner, added);
          else model.delete(owner);
        } else {
          state.clear();
          model.delete(owner);
        }
        same(state.get(), model.get(owner) ?? []);
        if (random.below(300) === 0) check(opened, model);
        if (random.below(100) !== 0) continue;
        if (frozen === undefined) {
          state.freeze();
          frozen = new Map(model);
          continue;
        }
        const restored = reopen();
        restore(restored.state, entriesOf(state));
        check(restored, frozen);
        state.release();
        frozen = undefined;
      }
      check(opened, model);
    }
  });
});

test.each([
  { name: "in the table", count: 20 },
  { name: "on the heap", count: 3_000 },
])("a sweep removes expired elements of lists $name", ({ count }) => {
  const { state, context } = open(int64());
  for (let key = 0; key < 20; key += 1) {
    context.set(key);
    // List 7 expires whole.
    state.addAll(Array.from({ length: count }, (_, n) => (key === 7 ? 0 : n % 3)));
  }
  state.freeze();
  for (let step = 0; step < 200; step += 1) state.sweep((stored) => (stored as number) < 1, 4);
  for (let key = 0; key < 20; key += 1) {
    context.set(key);
    expect(state.get()).toEqual(key === 7 ? [] : Array.from({ length: count }, (_, n) => n % 3).filter((n) => n > 0));
  }
  expect(state.size).toBe(19);
  expect([...state.stateKeys()]).toHaveLength(19);
  expect(entriesOf(state)).toHaveLength(20);
  state.release();
});

test("lists that grow side by side, by little and by much, are whole before and after a freeze", () => {
  const random = new SeededRandom(5);
  const opened = open(int64());
  const lists = Array.from({ length: 400 }, (): number[] => []);
  const grow = (steps: number): void => {
    for (let step = 0; step < steps; step += 1) {
      const key = random.below(lists.length);
      const added = Array.from({ length: step % 5 === 0 ? 60 : 1 + random.below(3) }, (_, n) => step * 100 + n);
      opened.context.set(key);
      if (added.length === 1) opened.state.add(added[0] as number);
      else opened.state.addAll(added);
      lists[key]?.push(...added);
    }
  };
  const check = ({ state, context }: Opened<number>, expected: readonly (readonly number[])[]): void => {
    for (const [key, list] of expected.entries()) {
      context.set(key);
      same(state.get(), list);
    }
  };
  grow(4_000);
  opened.state.freeze();
  const before = lists.map((list) => [...list]);
  grow(2_000);
  const restored = open(int64());
  restore(restored.state, entriesOf(opened.state));
  opened.state.release();
  check(restored, before);
  check(opened, lists);
});

test("a list that moves to the heap during a freeze is in the freeze as it was, once", () => {
  const opened = open(int64());
  const { state, context } = opened;
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
  for (const [key, count] of [[1, 100], [2, 1_000]] as const) {
    context.set(key);
    state.addAll(numbers(count));
  }
  state.freeze();
  context.set(1);
  for (let n = 100; n < 1_000; n += 1) state.add(n);
  context.set(2);
  state.update([1]);
  context.set(3);
  state.update(numbers(1_000));
  const restored = open(int64());
  restore(restored.state, entriesOf(state));
  state.release();
  for (const [one, lists] of [[restored, [numbers(100), numbers(1_000), []]], [opened, [numbers(1_000), [1], numbers(1_000)]]] as const) {
    for (const [index, list] of lists.entries()) {
      one.context.set(index + 1);
      expect(one.state.get()).toEqual(list);
    }
  }
  state.freeze();
  expect(entriesOf(state)).toHaveLength(3);
  state.release();
});

test("elements whose lengths take one byte and two, also as the first of a list, and huge ones", () => {
  const { state, context } = open(string());
  const lengths = [0, 1, 60, 125, 126, 127, 128, 129, 300, 5_000, 100_000];
  for (const [key, first] of lengths.entries()) {
    context.set(key);
    state.add("a".repeat(first));
    state.addAll(lengths.map((length) => "b".repeat(length)));
    expect(state.get()).toEqual(["a".repeat(first), ...lengths.map((length) => "b".repeat(length))]);
  }
});

test("adding to a list costs the same when it is long", () => {
  const { state, context } = open(int64());
  context.set(1);
  for (let n = 0; n < 200_000; n += 1) state.add(n);
  expect(state.get().length).toBe(200_000);
});

test("what cannot be stored changes nothing; where the heap refuses the first elements there is no list", () => {
  const refuse = (): never => {
    throw new Error("refused");
  };
  const heapChanges = { put: refuse, append: refuse, delete: () => undefined, deleteAll: () => undefined };
  const { state, context } = open(string(), { heapChanges });
  const large = "x".repeat(5_000);
  context.set(1);
  for (const attempt of [() => state.add(large), () => state.update([large])]) {
    expect(attempt).toThrow("refused");
    expect([state.get(), state.size, [...state.stateKeys()]]).toEqual([[], 0, []]);
  }
  state.add("a");
  for (const attempt of [() => state.add(large), () => state.update([large])]) {
    expect(attempt).toThrow("refused");
    expect(state.get()).toEqual(["a"]);
  }
  context.set(2);
  state.add("b");
  expect(() => state.addAll(["c", 1 as unknown as string])).toThrow(expect.objectContaining({ code: "VALUE_NOT_SERIALIZABLE" }));
  expect(() => state.update(["c", 1 as unknown as string])).toThrow(expect.objectContaining({ code: "VALUE_NOT_SERIALIZABLE" }));
  expect(state.get()).toEqual(["b"]);
});

test("addAll and update take what an iterable gives that uses the state itself", () => {
  const { state, context } = open(int64());
  context.set(1);
  state.addAll([1, 2]);
  function* doubled(): Generator<number> {
    for (const one of state.get()) {
      state.add(100);
      yield one * 2;
    }
  }
  state.addAll(doubled());
  expect(state.get()).toEqual([1, 2, 100, 100, 2, 4]);
  state.update(doubled());
  expect(state.get()).toEqual([2, 4, 200, 200, 4, 8]);
});

test("elements of older schemas stand beside new ones", () => {
  const oldElements = struct({ n: int32() });
  const newElements = struct({ n: int64() });
  const schemas = [oldElements.snapshot(), newElements.snapshot()];
  for (const count of [3, 2_000]) {
    const older = open(oldElements);
    older.context.set(1);
    older.state.addAll(Array.from({ length: count }, (_, n) => ({ n })));
    older.state.freeze();
    const newer = open(newElements, { schemas });
    newer.context.set(1);
    newer.state.add({ n: 2 ** 40 });
    newer.state.freeze();
    const [[old], [fresh]] = [entriesOf(older.state), entriesOf(newer.state)];
    if (old === undefined || fresh === undefined) throw new Error("no entry");
    const restored = open(newElements, { schemas });
    // As a store leaves it that appended without reading.
    restore(restored.state, [{ key: old.key, value: Buffer.concat([old.value, fresh.value]) }]);
    restored.context.set(1);
    expect(restored.state.get()).toEqual([...Array.from({ length: count }, (_, n) => ({ n })), { n: 2 ** 40 }]);
    restored.state.add({ n: 5 });
    expect(restored.state.get()).toHaveLength(count + 2);
  }
});

test("damaged stored entries are refused", () => {
  const { state, context } = open(int64());
  context.set(7);
  state.addAll([1, 2]);
  state.freeze();
  const [entry] = entriesOf(state);
  state.release();
  if (entry === undefined) throw new Error("no entry");
  const { keyGroup } = context;
  const corrupt = expect.objectContaining({ code: "STATE_CORRUPT" });
  const key = (bytes: Uint8Array = entry.key): ByteReader => new ByteReader(bytes, 4);
  expect(() => state.restoreEntry((keyGroup + 1) % 128, key(), new ByteReader(entry.value))).toThrow(corrupt);
  expect(() => state.restoreEntry(keyGroup, key(Buffer.concat([entry.key, Buffer.of(0)])), new ByteReader(entry.value))).toThrow(corrupt);
  for (const length of [1, 5, 9, 11, 15]) {
    expect(() => state.restoreEntry(keyGroup, key(), new ByteReader(entry.value.subarray(0, length)))).toThrow(corrupt);
  }
  // An element that says it is longer than its payload.
  const longer = Buffer.from(entry.value);
  longer[0] = 10;
  expect(() => state.restoreEntry(keyGroup, key(), new ByteReader(longer))).toThrow(corrupt);
  expect(state.get()).toEqual([1, 2]);
});

test("past maxBytes changes throw NO_MEMORY and leave the lists as they were", () => {
  const { state, context } = open(string(), { maxBytes: 3 * 1024 * 1024 });
  const lengths: number[] = [];
  const fillUp = (): void => {
    for (let step = 0; ; step += 1) {
      const key = step % 3_000;
      context.set(key);
      state.add(`${key} ${"x".repeat(100)}`);
      lengths[key] = (lengths[key] ?? 0) + 1;
    }
  };
  expect(fillUp).toThrow(expect.objectContaining({ code: "NO_MEMORY" }));
  expect(lengths.length).toBeGreaterThan(1_000);
  for (const [key, length] of lengths.entries()) {
    context.set(key);
    expect(state.get()).toEqual(Array.from({ length }, () => `${key} ${"x".repeat(100)}`));
  }
});

import type { KeyedStateBackend, StateDescriptor } from "@tidemark/core/state";
import { describe, expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { entryValue, setUpCounter, withCounter } from "./entry-value.js";
import { largeOperation } from "./large-operations.js";
import { listOperation } from "./list-operations.js";
import { mapOperation } from "./map-operations.js";
import { valueOperation } from "./value-operations.js";
import { Workload } from "./workload.js";

/** State in plain maps, with a fault that a test chooses. */
class PlainState {
  readonly #values = new Map<number, number>();
  readonly #maps = new Map<number, Map<number, number>>();
  readonly #lists = new Map<number, number[]>();
  readonly fault: { lostKey?: number; wrongKey?: number; isDeaf?: boolean };
  #key = -1;

  constructor(fault: PlainState["fault"]) {
    this.fault = fault;
  }

  get backend(): KeyedStateBackend<number> {
    const map = (): Map<number, number> => this.#maps.get(this.#key) ?? new Map<number, number>();
    const found = (value: number | undefined): number | undefined =>
      this.fault.lostKey === this.#key ? undefined : this.fault.wrongKey === this.#key && value !== undefined ? value + 1 : value;
    const handles: Record<string, unknown> = {
      value: { value: () => found(this.#values.get(this.#key)), update: (value: number) => void this.#values.set(this.#key, value) },
      list: {
        get: () => (this.fault.lostKey === this.#key ? [] : (this.#lists.get(this.#key) ?? [])),
        add: (element: number) => {
          const list = this.#lists.get(this.#key) ?? [];
          if (list.length === 0 || this.fault.isDeaf !== true) this.#lists.set(this.#key, [...list, element]);
        },
        update: (elements: number[]) => void this.#lists.set(this.#key, [...elements]),
        addAll: (elements: number[]) => void this.#lists.get(this.#key)?.unshift(...elements),
      },
      map: {
        get: (key: number) => found(map().get(key)),
        put: (key: number, value: number) => void this.#maps.set(this.#key, map().set(key, value)),
        remove: (key: number) => void (this.fault.isDeaf === true || map().delete(key)),
        keys: () => map().keys(),
      },
    };
    const backend = { setCurrentKey: (key: number) => (this.#key = key), getState: ({ name }: StateDescriptor) => handles[name] };
    return backend as unknown as KeyedStateBackend<number>;
  }
}

const workload = new Workload(100, 1);

describe("checks notice wrong state", () => {
  test.each([
    ["valueUpdate", { lostKey: 5 }, "key 5 holds undefined"],
    ["valueUpdate", { wrongKey: 99 }, "key 99 holds"],
    ["valueAdd", { lostKey: 150 }, "key 150 holds undefined"],
    ["listUpdate", { lostKey: 3 }, "list of key 3 differs"],
    ["listAppend", { isDeaf: true }, "list of key 0 differs"],
    ["mapUpdate", { lostKey: 0 }, "entry 0 of key 0 is undefined"],
    ["mapRemove", { isDeaf: true }, "instead of absent"],
  ])("%s with %j", (name, fault, message) => {
    const make = name.startsWith("value") ? valueOperation : name.startsWith("list") ? listOperation : mapOperation;
    for (const isFaulty of [false, true]) {
      const state = new PlainState({});
      const operation = make(name, state.backend, workload);
      if (isFaulty) Object.assign(state.fault, fault);
      operation?.setUp();
      operation?.beforeIteration?.();
      operation?.run(0, 250);
      if (isFaulty) {
        expect(() => operation?.verify(0, 250)).toThrow(WrongResultError);
        expect(() => operation?.verify(0, 250)).toThrow(message);
      } else expect(operation?.verify(0, 250)).toBeGreaterThanOrEqual(100);
    }
  });

  test("elements in another order are another list", () => {
    // This addAll puts its elements in front.
    const operation = listOperation("listAddAll", new PlainState({}).backend, workload);
    operation?.beforeIteration?.();
    operation?.run(0, 50);
    expect(() => operation?.verify(0, 50)).toThrow("differs from what was written");
  });

  test("a read of something else changes the sum", () => {
    const state = new PlainState({});
    const operation = valueOperation("valueGet", state.backend, workload);
    operation?.setUp();
    expect(operation?.run(0, 250)).toBe(operation?.expectedSum(0, 250));
    state.fault.wrongKey = 17;
    expect(operation?.run(0, 250)).not.toBe(operation?.expectedSum(0, 250));
  });
});

/** Values, lists and maps of bytes in plain maps; what a write stores can be spoilt. */
function plainBytes(fault: { spoil?: (value: Uint8Array) => Uint8Array | undefined }): KeyedStateBackend<number> {
  let current = -1;
  const entries = new Map<string, Uint8Array>();
  const lists = new Map<number, Uint8Array[]>();
  const write = (name: string, value: Uint8Array): void => {
    const written = fault.spoil === undefined ? value : fault.spoil(value);
    if (written !== undefined) entries.set(name, written);
  };
  const handles: Record<string, unknown> = {
    value: { value: () => entries.get(`${current}`), update: (value: Uint8Array) => write(`${current}`, value) },
    list: {
      get: () => lists.get(current) ?? [],
      update: (values: Uint8Array[]) => void lists.set(current, [...values]),
      add: (value: Uint8Array) => {
        const written = fault.spoil === undefined ? value : fault.spoil(value);
        if (written !== undefined) lists.get(current)?.push(written);
      },
    },
    map: {
      get: (key: number) => entries.get(`${current}/${key}`),
      put: (key: number, value: Uint8Array) => write(`${current}/${key}`, value),
      entries: function* () {
        for (let key = 0; key < 10; key += 1) yield [key, entries.get(`${current}/${key}`)];
      },
    },
  };
  const backend = { setCurrentKey: (key: number) => (current = key), getState: ({ name }: StateDescriptor) => handles[name] };
  return backend as unknown as KeyedStateBackend<number>;
}

describe("checks of large states", () => {
  const names = ["valueUpdate", "valueGet", "read-modify-write", "listAppend", "mapUpdate", "mapGet", "mapIterator"];
  const changed = (value: Uint8Array): Uint8Array => value.with(99, (value[99] as number) ^ 1);
  test.each(names)("%s is right where state is", (name) => {
    const operation = largeOperation(name, plainBytes({}), workload);
    operation?.setUp();
    expect(operation?.run(0, 250)).toBe(operation?.expectedSum(0, 250));
    expect(operation?.verify(0, 250)).toBeGreaterThanOrEqual(100);
  });
  test.each(names)("%s notices a byte that changed, a write that was lost and a wrong counter", (name) => {
    const faults = [changed, () => undefined, (value: Uint8Array) => withCounter(value.slice(), 77_777)];
    for (const spoil of faults) {
      const fault: { spoil?: (value: Uint8Array) => Uint8Array | undefined } = {};
      const operation = largeOperation(name, plainBytes(fault), workload);
      // What only reads has its state spoilt from the start.
      if (operation?.writes !== true) fault.spoil = spoil;
      operation?.setUp();
      fault.spoil = spoil;
      operation?.run(0, 250);
      expect(() => operation?.verify(0, 250)).toThrow(WrongResultError);
    }
  });
  test("a read of something else changes the sum", () => {
    for (const name of ["valueGet", "mapGet", "mapIterator"]) {
      const fault: { spoil?: (value: Uint8Array) => Uint8Array } = {};
      const operation = largeOperation(name, plainBytes(fault), workload);
      fault.spoil = (value) => withCounter(value, 5);
      operation?.setUp();
      expect(operation?.run(0, 250)).not.toBe(operation?.expectedSum(0, 250));
    }
    expect(largeOperation("mapRemove", plainBytes({}), workload)).toBeUndefined();
  });
  test("values are those of Flink's side", () => {
    expect([...entryValue(3, setUpCounter(1_003)).subarray(0, 8)]).toEqual([4, 0, 0, 0, 105, 161, 197, 105]);
  });
});

test("keys to read back are spread over all, and all of them where they are few", () => {
  expect([...new Workload(10, 1, 4).checkedKeys(10)]).toEqual([0, 2, 5, 7]);
  expect([...workload.checkedKeys(3)]).toEqual([0, 1, 2]);
});

test("the workload is a permutation that a seed decides, the same as on Flink's side", () => {
  const indices = Array.from({ length: 100 }, (_, index) => index);
  expect(indices.map((index) => workload.setUpKey(index)).sort((left, right) => left - right)).toEqual(indices);
  expect(new Set(indices.map((index) => workload.newKey(index))).size).toBe(100);
  expect(workload.newKey(3)).toBeGreaterThanOrEqual(100);
  expect(workload.setUpKey(107)).toBe(workload.setUpKey(7));
  expect(Array.from({ length: 5 }, (_, index) => new Workload(1_000, 1).setUpKey(index))).toEqual([57, 77, 171, 381, 945]);
});

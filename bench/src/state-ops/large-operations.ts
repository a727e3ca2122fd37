import { bytes, int64, type KeyedStateBackend, listState, mapState, valueState } from "@tidemark/core/state";
import { WrongResultError } from "../question.js";
import { counterOf, entryValue, isEntryValue, setUpCounter, withCounter } from "./entry-value.js";
import { type Operation, sumOver } from "./operation.js";
import { mapEntryCount, type Workload } from "./workload.js";

interface Target {
  readonly keyed: KeyedStateBackend<number>;
  readonly workload: Workload;
}

/** How the entries of a key are kept: one value, or a list or map of ten. */
interface Shape {
  readonly entriesPerKey: number;
  readonly setUp: (key: number) => void;
  /** The entries of the current key in their order. */
  readonly read: (key: number) => readonly (Uint8Array | null | undefined)[];
  /** The index of an operation as it changes the current key's entries; no change when it only reads. Returns the sum of what it read. */
  readonly run: (key: number, index: number) => number;
  /** What run() has to read. */
  readonly expected?: (key: number, index: number) => number;
  /** What an index does to the counters of a key. */
  readonly replay?: (counters: number[], index: number) => void;
  readonly visitsAll?: boolean;
}

/** Operations on a state of values of 100 bytes, far larger than the memory for it; undefined for another name. */
export function largeOperation(name: string, keyed: KeyedStateBackend<number>, workload: Workload): Operation | undefined {
  const target = { keyed, workload };
  const shape = valueShape(name, target) ?? listShape(name, target) ?? mapShape(name, target);
  if (shape === undefined) return undefined;
  const { expected, replay, run } = shape;
  return {
    writes: replay !== undefined,
    operationsPerIndex: shape.visitsAll === true ? shape.entriesPerKey : 1,
    // Lists would otherwise outgrow the size that was asked for.
    indicesPerIteration: name === "listAppend" ? Math.ceil((workload.keyCount * shape.entriesPerKey) / 40) : Infinity,
    setUp: () => {
      for (let key = 0; key < workload.keyCount; key += 1) {
        keyed.setCurrentKey(key);
        shape.setUp(key);
      }
    },
    run: (from, to) =>
      sumOver(from, to, (index) => {
        const key = workload.setUpKey(index);
        keyed.setCurrentKey(key);
        return run(key, index);
      }),
    expectedSum: (from, to) => (expected === undefined ? 0 : sumOver(from, to, (index) => expected(workload.setUpKey(index), index))),
    verify: (_, end) => verify(target, shape, end),
  };
}

function valueShape(name: string, { keyed }: Target): Shape | undefined {
  const state = keyed.getState(valueState("value", bytes()));
  const basis = {
    entriesPerKey: 1,
    setUp: (key: number) => state.update(entryValue(key, setUpCounter(key))),
    read: () => [state.value()],
  };
  switch (name) {
    case "valueUpdate":
      return {
        ...basis,
        run: (key, index) => wrote(state.update(entryValue(key, index))),
        replay: (counters, index) => (counters[0] = index),
      };
    case "valueGet":
      return { ...basis, run: () => counterOf(state.value()), expected: setUpCounter };
    case "read-modify-write":
      return {
        ...basis,
        // What value() gave is not to be changed.
        run: () => {
          const value = state.value();
          return value === null || value === undefined
            ? Number.NaN
            : wrote(state.update(withCounter(Uint8Array.from(value), counterOf(value) + 1)));
        },
        replay: (counters) => (counters[0] = (counters[0] as number) + 1),
      };
    default:
      return undefined;
  }
}

function listShape(name: string, { keyed }: Target): Shape | undefined {
  if (name !== "listAppend") return undefined;
  const state = keyed.getState(listState("list", bytes()));
  return {
    entriesPerKey: mapEntryCount,
    setUp: (key) => state.update(placesOf(key).map((place) => entryValue(place, setUpCounter(place)))),
    read: () => [...state.get()],
    run: (key, index) => wrote(state.add(entryValue(appendedPlace(key), index))),
    replay: (counters, index) => void counters.push(index),
  };
}

function mapShape(name: string, { keyed, workload }: Target): Shape | undefined {
  const state = keyed.getState(mapState("map", int64(), bytes()));
  const basis = {
    entriesPerKey: mapEntryCount,
    setUp: (key: number) => {
      for (const [mapKey, place] of placesOf(key).entries()) state.put(mapKey, entryValue(place, setUpCounter(place)));
    },
    read: () => Array.from({ length: mapEntryCount }, (_, mapKey) => state.get(mapKey)),
  };
  const placeAt = (key: number, index: number): number => key * mapEntryCount + workload.mapKey(index);
  switch (name) {
    case "mapUpdate":
      return {
        ...basis,
        run: (key, index) => wrote(state.put(workload.mapKey(index), entryValue(placeAt(key, index), index))),
        replay: (counters, index) => (counters[workload.mapKey(index)] = index),
      };
    case "mapGet":
      return {
        ...basis,
        run: (_, index) => counterOf(state.get(workload.mapKey(index))),
        expected: (key, index) => setUpCounter(placeAt(key, index)),
      };
    case "mapIterator":
      return {
        ...basis,
        visitsAll: true,
        run: () => {
          let sum = 0;
          const iterator = state.entries();
          for (let step = iterator.next(); step.done !== true; step = iterator.next()) sum += counterOf(step.value[1]);
          return sum;
        },
        expected: (key) => placesOf(key).reduce((sum, place) => sum + setUpCounter(place), 0),
      };
    default:
      return undefined;
  }
}

/** Places of a key's ten entries. */
function placesOf(key: number): number[] {
  return Array.from({ length: mapEntryCount }, (_, position) => key * mapEntryCount + position);
}

/** What is appended to a list is told apart by its counter. */
function appendedPlace(key: number): number {
  return key * mapEntryCount;
}

/** A write reads nothing. */
function wrote(_: void): number {
  return 0;
}

/** Compares entries of a part of the keys with what all indices did to them. Returns how many. */
function verify({ keyed, workload }: Target, { entriesPerKey, read, replay }: Shape, end: number): number {
  const expected = new Map<number, number[]>();
  for (const key of workload.checkedKeys(workload.keyCount)) {
    expected.set(key, Array.from({ length: entriesPerKey }, (_, position) => setUpCounter(key * entriesPerKey + position)));
  }
  if (replay !== undefined) {
    for (let index = 0; index < end; index += 1) {
      const counters = expected.get(workload.setUpKey(index));
      if (counters !== undefined) replay(counters, index);
    }
  }
  let compared = 0;
  for (const [key, counters] of expected) {
    keyed.setCurrentKey(key);
    const found = read(key);
    const isRight = found.length === counters.length && counters.every((counter, position) =>
      isEntryValue(found[position], position < entriesPerKey ? key * entriesPerKey + position : appendedPlace(key), counter));
    if (!isRight) throw new WrongResultError(`key ${key} does not hold what was written`);
    compared += counters.length;
  }
  return compared;
}

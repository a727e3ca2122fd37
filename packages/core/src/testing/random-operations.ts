import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import {
  anyKey,
  type AnyKey,
  int32,
  int64,
  type KeyedStateBackend,
  listState,
  mapState,
  msgpack,
  reducingState,
  string,
  struct,
  valueState,
} from "../state/index.js";
import { type BackendFactory, BackendHarness } from "./backend-harness.js";
import { SeededRandom } from "./random.js";

const keys: readonly AnyKey[] = [0, 1, "1", -1, "", "é\u0000", "\ud800", 2n ** 70n, true, Uint8Array.of(0, 255), "a".repeat(300), 1.5];
const mapKeys = ["", "a", "b", "ab", "\u0000", "z\uffff"];
const values = valueState("values", struct({ count: int64(), label: string() }));
const maps = mapState("maps", string(), msgpack());
const lists = listState("lists", msgpack());
const sums = reducingState("sums", int64(), (left, right) => left + right);
const windows = valueState("windows", string());

/** What the state should hold, as plain collections. */
interface Model {
  values: Map<string, { count: number; label: string }>;
  maps: Map<string, Map<string, unknown>>;
  lists: Map<string, unknown[]>;
  sums: Map<string, number>;
  windows: Map<string, Map<number, string>>;
  timers: Map<string, { timeMs: number; key: AnyKey }>;
}

function emptyModel(): Model {
  return { values: new Map(), maps: new Map(), lists: new Map(), sums: new Map(), windows: new Map(), timers: new Map() };
}

/**
 * Random operations on a backend and on a plain model, with completed and aborted checkpoints, crashes and restores in between;
 * after each step a random part is compared, after each restore everything. The seed replays a run.
 */
export async function randomOperations(factory: BackendFactory, seed: number, steps: number): Promise<void> {
  const harness = await BackendHarness.create<AnyKey>(factory, { keySerializer: anyKey(), maxParallelism: 7 });
  const random = new SeededRandom(seed);
  let model: Model = emptyModel();
  let saved = structuredClone(model);
  try {
    await harness.open();
    for (let step = 0; step < steps; step += 1) {
      const choice = random.below(100);
      if (choice < 90) change(harness.state, model, random);
      else if (choice < 94) {
        saved = structuredClone(model);
        await harness.checkpoint(() => several(harness.state, model, random));
      } else if (choice < 96) await harness.abortedCheckpoint(random.pick(["early", "late"]), () => several(harness.state, model, random));
      else if (choice < 98) {
        await harness.close();
        await harness.open();
        model = structuredClone(saved);
        compareAll(harness.state, model);
      } else compareAll(harness.state, model);
    }
    compareAll(harness.state, model);
  } catch (error) {
    throw new Error(`random operations failed with seed ${seed} and ${steps} steps`, { cause: error });
  } finally {
    await harness.dispose();
  }
}

function several(state: KeyedStateBackend<AnyKey>, model: Model, random: SeededRandom): void {
  for (let count = random.below(8); count > 0; count -= 1) change(state, model, random);
}

function change(state: KeyedStateBackend<AnyKey>, model: Model, random: SeededRandom): void {
  const key = random.pick(keys);
  const id = nameOf(key);
  state.setCurrentKey(key);
  const map = state.getState(maps);
  const mapKey = random.pick(mapKeys);
  const timeMs = random.pick([-5, 0, 1, 2, 3, 1_000_000_000_000]);
  switch (random.below(12)) {
    case 0: {
      const value = { count: random.below(1_000) - 500, label: random.pick(mapKeys) };
      state.getState(values).update(value);
      model.values.set(id, value);
      break;
    }
    case 1:
      state.getState(values).clear();
      model.values.delete(id);
      break;
    case 2:
    case 3: {
      const value = random.pick([null, 0, -1.5, "text", [1, "2"], { nested: { list: [true] } }]);
      map.put(mapKey, value);
      if (!model.maps.has(id)) model.maps.set(id, new Map());
      model.maps.get(id)?.set(mapKey, value);
      break;
    }
    case 4:
      map.remove(mapKey);
      model.maps.get(id)?.delete(mapKey);
      break;
    case 5:
      if (random.below(4) === 0) {
        map.clear();
        model.maps.delete(id);
      }
      break;
    case 6:
      same(state.timers("event").register(timeMs), !model.timers.has(`${timeMs} ${id}`));
      model.timers.set(`${timeMs} ${id}`, { timeMs, key });
      break;
    case 7:
      same(state.timers("event").delete(timeMs), model.timers.delete(`${timeMs} ${id}`));
      break;
    case 9:
      changeList(state, model, random, id);
      break;
    case 10: {
      const added = random.below(100);
      state.getState(sums).add(added);
      model.sums.set(id, (model.sums.get(id) ?? 0) + added);
      break;
    }
    case 11:
      changeWindow(state, model, random, id);
      break;
    case 8:
      pollOne(state, model, random.below(4));
      break;
  }
  compareKey(state, model, random.pick(keys));
}

function changeList(state: KeyedStateBackend<AnyKey>, model: Model, random: SeededRandom, id: string): void {
  const list = state.getState(lists);
  const elements = Array.from({ length: random.below(4) }, () => random.pick([1, "two", null, { three: [3] }]));
  switch (random.below(5)) {
    case 0:
      list.update(elements);
      model.lists.set(id, elements);
      break;
    case 1:
      list.clear();
      model.lists.delete(id);
      break;
    default:
      list.addAll(elements);
      model.lists.set(id, [...(model.lists.get(id) ?? []), ...elements]);
  }
}

function changeWindow(state: KeyedStateBackend<AnyKey>, model: Model, random: SeededRandom, id: string): void {
  const window = random.below(6) - 3;
  const handle = state.getNamespacedState(windows, int32()).in(window);
  const known = model.windows.get(id) ?? new Map<number, string>();
  if (random.below(3) === 0) {
    handle.clear();
    known.delete(window);
  } else {
    handle.update(`w${window}`);
    known.set(window, `w${window}`);
  }
  model.windows.set(id, known);
}

function pollOne(state: KeyedStateBackend<AnyKey>, model: Model, untilMs: number): void {
  const earliest = Math.min(Infinity, ...[...model.timers.values()].map((timer) => timer.timeMs));
  same(state.timers("event").nextTimeMs(), earliest);
  const timer = state.timers("event").poll(untilMs);
  if (earliest > untilMs) {
    same(timer, undefined);
    return;
  }
  same(timer?.timeMs, earliest);
  same(model.timers.delete(`${earliest} ${nameOf(timer?.key as AnyKey)}`), true);
}

function compareKey(state: KeyedStateBackend<AnyKey>, model: Model, key: AnyKey): void {
  state.setCurrentKey(key);
  const id = nameOf(key);
  same(state.getState(values).value(), model.values.get(id));
  same(state.getState(lists).get(), model.lists.get(id) ?? []);
  same(state.getState(sums).get(), model.sums.get(id));
  const windowed = state.getNamespacedState(windows, int32());
  const expectedWindows = [...(model.windows.get(id) ?? [])].sort(([left], [right]) => left - right);
  same([...windowed.namespaces()].map((window) => [window, windowed.in(window).value()]), expectedWindows);
  const map = state.getState(maps);
  const expected = model.maps.get(id) ?? new Map<string, unknown>();
  same(map.isEmpty(), expected.size === 0);
  const sorted = [...expected].sort(([left], [right]) => (left < right ? -1 : 1));
  same([...map.entries()], sorted);
  for (const mapKey of mapKeys) {
    same(map.contains(mapKey), expected.has(mapKey));
    same(map.get(mapKey), expected.get(mapKey));
  }
}

function compareAll(state: KeyedStateBackend<AnyKey>, model: Model): void {
  for (const key of keys) compareKey(state, model, key);
  const namesOf = (found: Iterable<AnyKey>): string[] => [...found].map(nameOf).sort();
  same(namesOf(state.keys(values)), [...model.values.keys()].sort());
  expect(namesOf(state.keys(maps))).toEqual(
    [...model.maps]
      .filter(([, map]) => map.size > 0)
      .map(([id]) => id)
      .sort(),
  );
}

function nameOf(key: AnyKey): string {
  return `${typeof key} ${key instanceof Uint8Array ? `bytes ${[...key].join()}` : String(key)}`;
}

/** Runs once for every value compared, hundreds of thousands of times: the assertion library is asked only for its message. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected);
}

import {
  aggregatingState,
  anyKey,
  type AnyKey,
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
import type { ParallelHarness } from "./parallel-harness.js";
import type { SeededRandom } from "./random.js";

/** Keys of every type, and many plain ones so that each key group has some. */
export const sampleKeys: readonly AnyKey[] = [
  0, 1, "1", -1, "", "é\u0000", "\ud800", 2n ** 70n, true, Uint8Array.of(0, 255), "a".repeat(300), 1.5,
  ...Array.from({ length: 40 }, (_, index) => `user-${index}`),
];
const words = ["", "a", "b", "ab", "\u0000", "z\uffff"];

const value = valueState("value", struct({ count: int64(), label: string() }));
const list = listState("list", msgpack());
const map = mapState("map", string(), msgpack());
const reducing = reducingState("reducing", int64(), (left, right) => left + right);
const aggregating = aggregatingState("aggregating", struct({ sum: int64(), count: int64() }), {
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: ({ sum, count }, added: number) => ({ sum: sum + added, count: count + 1 }),
  getResult: ({ sum, count }) => sum / count,
});
const expiring = listState("expiring", string(), { ttl: { duration: "1h" } });
const windowValue = valueState("window-value", string());
const windowMap = mapState("window-map", string(), int64());
const windowList = listState("window-list", string());

/** One random change of a random state of a random key: every kind of state, with and without namespaces, and timers. */
export function changeSomething(harness: ParallelHarness<AnyKey>, random: SeededRandom): void {
  const state = harness.at(random.pick(sampleKeys));
  const word = random.pick(words);
  const number = random.below(1_000) - 500;
  const isRemoval = random.below(4) === 0;
  const namespace = random.below(3);
  const changes: (() => unknown)[] = [
    () => (isRemoval ? state.getState(value).clear() : state.getState(value).update({ count: number, label: word })),
    () => (isRemoval ? state.getState(list).update([word]) : state.getState(list).addAll([number, { word }])),
    () => (isRemoval ? state.getState(map).remove(word) : state.getState(map).put(word, [number, word])),
    () => (isRemoval ? state.getState(reducing).clear() : state.getState(reducing).add(number)),
    () => (isRemoval ? state.getState(aggregating).clear() : state.getState(aggregating).add(number)),
    () => (isRemoval ? state.getState(expiring).clear() : state.getState(expiring).add(word)),
    () => {
      const handle = state.getNamespacedState(windowValue, int64()).in(namespace);
      return isRemoval ? handle.clear() : handle.update(word);
    },
    () => {
      const handle = state.getNamespacedState(windowMap, string()).in(words[namespace] as string);
      return isRemoval ? handle.clear() : handle.put(word, number);
    },
    () => state.getNamespacedState(windowList, int64()).in(namespace).add(word),
    () => (isRemoval ? state.timers("event").delete(number) : state.timers("event").register(number)),
    () => state.timers("processing").register(number),
    () => state.namespacedTimers("event", int64()).register(number, namespace),
    () => state.namespacedTimers("processing", int64()).register(number, namespace),
    () => (isRemoval ? state.getState(map).clear() : state.getState(list).clear()),
  ];
  random.pick(changes)();
}

/** Everything that the sample keys have, as a job sees it, by key. Timers are not here: reading them takes them away. */
export function contentsOf(harness: ParallelHarness<AnyKey>): unknown[] {
  return sampleKeys.map((key) => {
    const state = harness.at(key);
    const windows = state.getNamespacedState(windowValue, int64());
    const maps = state.getNamespacedState(windowMap, string());
    const lists = state.getNamespacedState(windowList, int64());
    return {
      key,
      value: state.getState(value).value(),
      list: state.getState(list).get(),
      map: [...state.getState(map).entries()],
      reducing: state.getState(reducing).get(),
      aggregating: state.getState(aggregating).get(),
      expiring: state.getState(expiring).get(),
      windows: [...windows.namespaces()].map((namespace) => [namespace, windows.in(namespace).value()]),
      windowMaps: [...maps.namespaces()].map((namespace) => [namespace, [...maps.in(namespace).entries()]]),
      windowLists: [...lists.namespaces()].map((namespace) => [namespace, lists.in(namespace).get()]),
    };
  });
}

/** Takes all timers, in the order in which they fire in each subtask, and sorts them over the subtasks. */
export function takeTimers(harness: ParallelHarness<AnyKey>): string[] {
  const taken: string[] = [];
  const drain = (name: string, poll: () => { timeMs: number; key: AnyKey; namespace?: unknown } | undefined): void => {
    let last = -Infinity;
    for (let timer = poll(); timer !== undefined; timer = poll()) {
      if (timer.timeMs < last) throw new Error(`${name} timers fire out of order`);
      last = timer.timeMs;
      taken.push(`${name} ${timer.timeMs} ${typeof timer.key} ${String(timer.key)} ${String(timer.namespace)}`);
    }
  };
  for (const state of harness.subtasks) {
    for (const domain of ["event", "processing"] as const) {
      drain(domain, () => state.timers(domain).poll(Infinity));
      drain(`${domain} namespaced`, () => state.namespacedTimers(domain, int64()).poll(Infinity));
    }
  }
  return taken.sort();
}

/** Makes every subtask know every state, and in the same order, as a job does that declares its states when it opens. */
export function declareAll(harness: ParallelHarness<AnyKey>): void {
  for (const state of harness.subtasks) {
    for (const descriptor of [value, list, map, reducing, aggregating, expiring]) state.getState(descriptor);
    state.getNamespacedState(windowValue, int64());
    state.getNamespacedState(windowMap, string());
    state.getNamespacedState(windowList, int64());
    for (const domain of ["event", "processing"] as const) {
      state.timers(domain);
      state.namespacedTimers(domain, int64());
    }
  }
}

/**
 * All stored entries of all subtasks in order, as text. Fails on entries out of order and on those of key groups that a subtask does not
 * have, which no other call would show.
 */
export function storedEntries(harness: ParallelHarness<AnyKey>): string[] {
  return harness.subtasks.flatMap((state, subtask) => {
    const { first, last } = harness.contextOf(subtask).keyGroups;
    return exportedEntries(state).map(({ key, value }) => {
      const keyGroup = Buffer.from(key, "hex").readUInt16BE(0);
      if (keyGroup < first || keyGroup > last) throw new Error(`subtask ${subtask} has an entry of key group ${keyGroup}`);
      return `${key}=${value}`;
    });
  });
}

function exportedEntries(state: KeyedStateBackend<AnyKey>): { readonly key: string; readonly value: string }[] {
  const found: { readonly key: string; readonly value: string }[] = [];
  const exported = state.exportEntries();
  const steps = exported.entries((key, value) => {
    const entry = {
      key: Buffer.from(key.copy(key.remaining)).toString("hex"),
      value: Buffer.from(value.copy(value.remaining)).toString("hex"),
    };
    const before = found.at(-1);
    if (before !== undefined && before.key >= entry.key) throw new Error(`entries are out of order: ${before.key}, ${entry.key}`);
    found.push(entry);
  });
  let count = 0;
  for (const _ of steps) count += 1;
  if (count < found.length) throw new Error("an export gave more than one entry with a step");
  exported.close();
  return found;
}

/** Serializer of the sample keys. */
export const sampleKeySerializer = anyKey();

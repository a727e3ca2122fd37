import { expect, test } from "vitest";
import {
  aggregatingState,
  float64,
  int32,
  int64,
  listState,
  mapState,
  msgpack,
  reducingState,
  string,
  struct,
  valueState,
} from "../state/index.js";
import type { BackendHarness } from "./backend-harness.js";
import { codeOf } from "./error-code.js";

const events = listState("events", struct({ id: int64(), kind: string() }));
const total = reducingState("total", int64(), (left, right) => left + right);
const mean = aggregatingState("mean", struct({ sum: float64(), count: int64() }), {
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (accumulator, value: number) => ({ sum: accumulator.sum + value, count: accumulator.count + 1 }),
  getResult: ({ sum, count }) => sum / count,
});

/** List, reducing and aggregating state, namespaces, and development mode. */
export function testStateKinds(harness: () => BackendHarness<string>, development: () => Promise<BackendHarness<string>>): void {
  test("lists keep their order through add, addAll, update and a restore", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    const list = state.getState(events);
    expect(list.get()).toEqual([]);
    list.add({ id: 1, kind: "a" });
    list.addAll([
      { id: 2, kind: "b" },
      { id: 3, kind: "c" },
    ]);
    list.addAll([]);
    await harness().checkpoint(() => {
      list.add({ id: 4, kind: "later" });
      state.setCurrentKey("other");
      state.getState(events).add({ id: 9, kind: "z" });
    });
    state.setCurrentKey("k");
    expect(list.get().map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    list.update([{ id: 7, kind: "only" }]);
    expect(list.get()).toEqual([{ id: 7, kind: "only" }]);
    list.update([]);
    expect(list.get()).toEqual([]);
    await harness().close();
    const restored = await harness().open();
    restored.setCurrentKey("k");
    expect(restored.getState(events).get()).toEqual([
      { id: 1, kind: "a" },
      { id: 2, kind: "b" },
      { id: 3, kind: "c" },
    ]);
    restored.setCurrentKey("other");
    expect(restored.getState(events).get()).toEqual([]);
  });

  test("a list of 10,000 elements grows one by one, over checkpoints", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    const list = state.getState(events);
    for (let id = 0; id < 10_000; id += 1) {
      list.add({ id, kind: "e" });
      if (id % 4_000 === 1_000) await harness().checkpoint();
    }
    expect(list.get().map(({ id }) => id)).toEqual(Array.from({ length: 10_000 }, (_, id) => id));
    list.clear();
    expect(list.get()).toEqual([]);
  });

  test("a bad element leaves the list as it was", () => {
    const { state } = harness();
    state.setCurrentKey("k");
    const list = state.getState(events);
    list.add({ id: 1, kind: "a" });
    const bad = [
      { id: 2, kind: "b" },
      { id: "x" as unknown as number, kind: "c" },
    ];
    expect(codeOf(() => list.addAll(bad))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(codeOf(() => list.update(bad))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(list.get()).toEqual([{ id: 1, kind: "a" }]);
  });

  test("reducing and aggregating states fold what is added", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    expect([state.getState(total).get(), state.getState(mean).get()]).toEqual([undefined, undefined]);
    for (const value of [1, 2, 6]) {
      state.getState(total).add(value);
      state.getState(mean).add(value);
    }
    await harness().checkpoint();
    state.getState(total).clear();
    expect(state.getState(total).get()).toBeUndefined();
    await harness().close();
    const restored = await harness().open();
    restored.setCurrentKey("k");
    expect([restored.getState(total).get(), restored.getState(mean).get()]).toEqual([9, 3]);
    expect(codeOf(() => restored.getState(valueState("total", int64())))).toBe("STATE_NAME_CONFLICT");
  });

  test("namespaces keep entries of one key apart and come in order", async () => {
    const { state } = harness();
    const counts = valueState("counts", int64());
    const windows = state.getNamespacedState(counts, int32());
    const pages = state.getNamespacedState(mapState("pages", string(), int64()), int32());
    for (const [key, window, value] of [
      ["a", 20, 1],
      ["a", -5, 2],
      ["b", 20, 3],
      ["a", 7, 4],
    ] as const) {
      state.setCurrentKey(key);
      windows.in(window).update(value);
      pages.in(window).put("x", value);
      pages.in(window).put("y", value);
    }
    state.setCurrentKey("a");
    expect([...windows.namespaces()]).toEqual([-5, 7, 20]);
    expect([...pages.namespaces()]).toEqual([-5, 7, 20]);
    expect([...state.keys(counts)].sort()).toEqual(["a", "b"]);
    pages.in(7).clear();
    expect([...pages.in(-5).entries()]).toEqual([
      ["x", 2],
      ["y", 2],
    ]);
    await harness().checkpoint(() => windows.in(20).clear());
    await harness().close();
    const restored = await harness().open();
    restored.setCurrentKey("a");
    const again = restored.getNamespacedState(counts, int32());
    expect([again.in(20).value(), again.in(-5).value(), again.in(8).value()]).toEqual([1, 2, undefined]);
    expect([...restored.getNamespacedState(mapState("pages", string(), int64()), int32()).namespaces()]).toEqual([-5, 20]);
    expect(codeOf(() => restored.getState(counts))).toBe("STATE_NAME_CONFLICT");
    expect(codeOf(() => restored.getNamespacedState(counts, string()))).toBe("STATE_NAME_CONFLICT");
  });

  test("timers with namespaces are apart from each other and from those without", async () => {
    const { state } = harness();
    const timers = state.namespacedTimers("event", int32());
    state.setCurrentKey("k");
    expect([timers.register(5, 1), timers.register(5, 2), timers.register(5, 1)]).toEqual([true, true, false]);
    expect(state.timers("event").register(5)).toBe(true);
    expect(timers.delete(5, 3)).toBe(false);
    await harness().checkpoint();
    await harness().close();
    const restored = (await harness().open()).namespacedTimers("event", int32());
    expect([restored.poll(9), restored.poll(9), restored.poll(9)]).toEqual([
      { timeMs: 5, key: "k", namespace: 1 },
      { timeMs: 5, key: "k", namespace: 2 },
      undefined,
    ]);
    expect(harness().state.timers("event").poll(9)?.timeMs).toBe(5);
  });

  test("in development mode changing what state gave or took throws", async () => {
    const strict = await development();
    const state = await strict.open();
    try {
      state.setCurrentKey("k");
      const value = state.getState(valueState<{ tags: string[] }>("value", msgpack()));
      const given = { tags: ["a"] };
      value.update(given);
      expect(() => given.tags.push("b")).toThrow(TypeError);
      expect(() => (value.value() as { tags: string[] }).tags.push("b")).toThrow(TypeError);
      const map = state.getState(mapState<string, { n: number }>("map", string(), msgpack()));
      map.put("x", { n: 1 });
      for (const [, entry] of map.entries()) expect(() => ((entry as { n: number }).n = 2)).toThrow(TypeError);
      expect(value.value()).toEqual({ tags: ["a"] });
    } finally {
      await strict.dispose();
    }
  });
}

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { int64, mapState, msgpack, string, struct, valueState } from "../state/index.js";
import { type BackendFactory, BackendHarness } from "./backend-harness.js";
import { codeOf } from "./error-code.js";
import { testEvolution } from "./evolution-contract.js";
import { randomOperations } from "./random-operations.js";
import { testRescale } from "./rescale-contract.js";
import { testStateKinds } from "./state-kinds-contract.js";
import { testTtl } from "./ttl-contract.js";

export interface ContractOptions {
  /**
   * Runs of random operations; each has a seed of its own, from TIDEMARK_SEED (default 1) on. Default 20; the environment variable
   * TIDEMARK_RANDOM_RUNS takes its place.
   */
  readonly randomRuns?: number;
}

/**
 * The tests that every state backend passes. Call it in a vitest file of the backend's package.
 * @example testStateBackend("memory", () => memoryBackend());
 */
export function testStateBackend(name: string, factory: BackendFactory, options: ContractOptions = {}): void {
  describe(`${name} backend`, () => {
    let harness: BackendHarness<string>;
    beforeEach(async () => {
      harness = await BackendHarness.create(factory, { keySerializer: string() });
      await harness.open();
    });
    afterEach(async () => await harness.dispose());

    testAccess(() => harness);
    testSnapshots(() => harness);
    testTimers(() => harness);
    testStateKinds(
      () => harness,
      () => BackendHarness.create(factory, { keySerializer: string(), isDevelopment: true }),
    );
    testTtl(() => harness);
    testEvolution(() => harness);
    testRescale(factory);
    testBadInput(() => harness);

    const runs = Number(process.env["TIDEMARK_RANDOM_RUNS"] ?? options.randomRuns ?? 20);
    test(`${runs} runs of random operations agree with a model`, { timeout: 1_200_000 }, async () => {
      const first = Number(process.env["TIDEMARK_SEED"] ?? 1);
      for (let seed = first; seed < first + runs; seed += 1) await randomOperations(factory, seed, 120);
    });
  });
}

const count = valueState("count", int64());
const visits = mapState("visits", string(), struct({ at: int64(), page: string() }));

function testAccess(harness: () => BackendHarness<string>): void {
  test("a value is there for its key only, until it is cleared", () => {
    const { state } = harness();
    state.setCurrentKey("a");
    state.getState(count).update(1);
    state.setCurrentKey("b");
    expect(state.getState(count).value()).toBeUndefined();
    state.setCurrentKey("a");
    expect(state.getState(count).value()).toBe(1);
    state.getState(count).clear();
    expect(state.getState(count).value()).toBeUndefined();
  });

  test("empty and 16 MiB values come back", () => {
    const { state } = harness();
    const blob = valueState("blob", msgpack());
    state.setCurrentKey("k");
    for (const size of [0, 16 * 1024 * 1024]) {
      const bytes = new Uint8Array(size).fill(7);
      state.getState(blob).update(bytes);
      expect(Buffer.compare(state.getState(blob).value() as Uint8Array, bytes)).toBe(0);
    }
  });

  test("a map of many entries iterates in key order, stops early, and is cleared whole", () => {
    const { state } = harness();
    state.setCurrentKey("k");
    const map = state.getState(visits);
    for (let at = 0; at < 3_000; at += 1) map.put(`page-${String(at).padStart(5, "0")}`, { at, page: "p" });
    state.setCurrentKey("other");
    map.put("x", { at: 1, page: "x" });
    state.setCurrentKey("k");
    expect([...map.keys()].length).toBe(3_000);
    const found: number[] = [];
    for (const [, { at }] of map.entries()) {
      found.push(at);
      if (found.length === 3) break;
    }
    expect(found).toEqual([0, 1, 2]);
    map.clear();
    expect(map.isEmpty()).toBe(true);
    expect([...map.entries()]).toEqual([]);
    state.setCurrentKey("other");
    expect(map.get("x")).toEqual({ at: 1, page: "x" });
  });

  test("entries may be removed and added while iterating", () => {
    const { state } = harness();
    state.setCurrentKey("k");
    const map = state.getState(visits);
    for (const key of ["a", "b", "c", "d"]) map.put(key, { at: 1, page: key });
    const seen: string[] = [];
    for (const key of map.keys()) {
      seen.push(key);
      map.remove(key);
      map.put(`${key}-new`, { at: 2, page: key });
    }
    expect(seen.filter((key) => !key.endsWith("-new"))).toEqual(["a", "b", "c", "d"]);
    expect([...map.keys()]).toEqual(["a-new", "b-new", "c-new", "d-new"]);
  });

  test("keys of a state come once each", () => {
    const { state } = harness();
    const names = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    for (const name of names) {
      state.setCurrentKey(name);
      state.getState(visits).put("a", { at: 1, page: "" });
      state.getState(visits).put("b", { at: 2, page: "" });
    }
    expect([...state.keys(visits)].sort()).toEqual([...names].sort());
    expect([...state.keys(count)]).toEqual([]);
  });
}

function testSnapshots(harness: () => BackendHarness<string>): void {
  test("a checkpoint holds the state at its barrier, not later changes", async () => {
    const { state } = harness();
    const put = (key: string, value: number): void => {
      state.setCurrentKey(key);
      state.getState(count).update(value);
      state.getState(visits).put("page", { at: value, page: key });
    };
    put("kept", 1);
    put("changed", 2);
    await harness().checkpoint(() => {
      put("changed", 20);
      put("new", 3);
      state.setCurrentKey("kept");
      state.getState(count).clear();
      state.getState(visits).clear();
    });
    await harness().close();
    const restored = await harness().open();
    const read = (key: string): unknown[] => {
      restored.setCurrentKey(key);
      return [restored.getState(count).value(), restored.getState(visits).get("page")];
    };
    expect(read("kept")).toEqual([1, { at: 1, page: "kept" }]);
    expect(read("changed")).toEqual([2, { at: 2, page: "changed" }]);
    expect(read("new")).toEqual([undefined, undefined]);
  });

  test("rule 11: changes of an aborted checkpoint are in the next", async () => {
    const { state } = harness();
    for (const [value, when] of [
      [1, "early"],
      [2, "late"],
    ] as const) {
      state.setCurrentKey(`key-${value}`);
      state.getState(count).update(value);
      await harness().abortedCheckpoint(when);
    }
    await harness().checkpoint();
    await harness().close();
    const restored = await harness().open();
    for (const value of [1, 2]) {
      restored.setCurrentKey(`key-${value}`);
      expect(restored.getState(count).value()).toBe(value);
    }
  });

  test("state that a job does not declare survives its checkpoints", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    state.getState(count).update(5);
    await harness().checkpoint();
    await harness().close();
    const second = await harness().open();
    second.setCurrentKey("k");
    second.getState(visits).put("x", { at: 1, page: "" });
    await harness().checkpoint();
    await harness().close();
    const third = await harness().open();
    third.setCurrentKey("k");
    expect(third.getState(count).value()).toBe(5);
    expect(third.getState(visits).contains("x")).toBe(true);
  });

  test("an empty state can be checkpointed and restored, many times", async () => {
    for (let life = 0; life < 4; life += 1) {
      await harness().checkpoint();
      await harness().close();
      await harness().open();
    }
    expect([...harness().state.keys(count)]).toEqual([]);
  });
}

function testTimers(harness: () => BackendHarness<string>): void {
  test("timers fire in order of time, once each, and are part of checkpoints", async () => {
    const { state } = harness();
    const register = (key: string, timeMs: number): boolean => {
      state.setCurrentKey(key);
      return state.timers("event").register(timeMs);
    };
    expect(register("a", 30)).toBe(true);
    expect(register("a", 30)).toBe(false);
    register("b", 10);
    register("c", 20);
    expect(state.timers("event").delete(20)).toBe(true);
    expect(state.timers("processing").nextTimeMs()).toBe(Infinity);
    await harness().checkpoint(() => expect(state.timers("event").poll(10)?.key).toBe("b"));
    await harness().close();
    const timers = (await harness().open()).timers("event");
    expect([timers.poll(100), timers.poll(100)]).toMatchObject([
      { key: "b", timeMs: 10 },
      { key: "a", timeMs: 30 },
    ]);
    expect(timers.poll(100)).toBeUndefined();
    expect(timers.nextTimeMs()).toBe(Infinity);
  });

  test("20,000 timers at the same few times all fire", () => {
    const { state } = harness();
    const timers = state.timers("event");
    for (let index = 0; index < 20_000; index += 1) {
      state.setCurrentKey(`key-${index}`);
      timers.register(index % 3);
    }
    const fired = new Set<string>();
    let last = -1;
    for (let timer = timers.poll(5); timer !== undefined; timer = timers.poll(5)) {
      expect(timer.timeMs).toBeGreaterThanOrEqual(last);
      last = timer.timeMs;
      fired.add(timer.key);
    }
    expect(fired.size).toBe(20_000);
  });
}

function testBadInput(harness: () => BackendHarness<string>): void {
  test("each misuse has its own error and changes nothing", async () => {
    const { state } = harness();
    expect(codeOf(() => state.getState(count).value())).toBe("NO_CURRENT_KEY");
    expect(codeOf(() => state.setCurrentKey(5 as unknown as string))).toBe("KEY_TYPE");
    expect(codeOf(() => state.setCurrentKey("x".repeat(70_000)))).toBe("KEY_TOO_LARGE");
    expect(codeOf(() => state.getState(count).value())).toBe("NO_CURRENT_KEY");
    state.setCurrentKey("k");
    state.getState(count).update(1);
    expect(codeOf(() => state.getState(count).update("1" as unknown as number))).toBe("VALUE_NOT_SERIALIZABLE");
    const anything = state.getState(valueState("anything", msgpack()));
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const bad of [() => 1, Symbol("s"), cycle, new (class Point {})()])
      expect(codeOf(() => anything.update(bad))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(state.getState(count).value()).toBe(1);
    expect(anything.value()).toBeUndefined();
    expect(codeOf(() => state.getState(valueState("count", string())))).toBe("STATE_NAME_CONFLICT");
    expect(codeOf(() => state.getState(mapState("count", string(), int64())))).toBe("STATE_NAME_CONFLICT");
    expect(codeOf(() => state.timers("event").register(Number.NaN))).toBe("INVALID_ARGUMENT");
    state.clearCurrentKey();
    expect(codeOf(() => state.getState(count).update(2))).toBe("NO_CURRENT_KEY");
    await harness().close();
    expect(codeOf(() => state.setCurrentKey("k"))).toBe("DISPOSED");
    expect(codeOf(() => state.getState(count).value())).toBe("DISPOSED");
  });

  test("restored state of another type is refused", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    state.getState(count).update(1);
    await harness().checkpoint();
    await harness().close();
    const restored = await harness().open();
    expect(codeOf(() => restored.getState(valueState("count", string())))).toBe("STATE_INCOMPATIBLE");
    restored.setCurrentKey("k");
    expect(restored.getState(count).value()).toBe(1);
  });
}

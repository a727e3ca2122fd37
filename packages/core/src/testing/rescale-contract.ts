import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AnyKey, int64, listState, mapState, string, valueState } from "../state/index.js";
import type { BackendFactory } from "./backend-harness.js";
import { rejectionCodeOf } from "./error-code.js";
import { changeSomething, contentsOf, declareAll, sampleKeys, sampleKeySerializer, storedEntries, takeTimers } from "./every-kind.js";
import { ParallelHarness } from "./parallel-harness.js";
import { SeededRandom } from "./random.js";

const maxParallelism = 16;

/** The tests of restoring at another parallelism. Part of testStateBackend(). */
export function testRescale(factory: BackendFactory): void {
  describe("rescale", () => {
    let harness: ParallelHarness<AnyKey>;
    beforeEach(() => {
      harness = new ParallelHarness({ keySerializer: sampleKeySerializer, maxParallelism });
    });
    afterEach(async () => await harness.dispose());

    const reopen = async (parallelism: number): Promise<void> => {
      await harness.close();
      await harness.open(factory, parallelism);
      declareAll(harness);
    };

    test("rule 23: 1->3->2 keeps every kind of state exactly, over changes and checkpoints", async () => {
      const random = new SeededRandom(Number(process.env["TIDEMARK_SEED"] ?? 1));
      await harness.open(factory, 1);
      declareAll(harness);
      for (const parallelism of [3, 3, 2, 5, 1, 16, 2]) {
        for (let change = 0; change < 150; change += 1) changeSomething(harness, random);
        const contents = contentsOf(harness);
        const stored = storedEntries(harness);
        await harness.checkpoint(() => {
          for (let change = 0; change < 20; change += 1) changeSomething(harness, random);
        });
        await reopen(parallelism);
        expect(storedEntries(harness)).toEqual(stored);
        expect(contentsOf(harness)).toEqual(contents);
      }
      const expected = takeTimers(harness);
      await reopen(3);
      expect(takeTimers(harness)).toEqual(expected);
    });

    testLater(
      () => harness,
      reopen,
    );
    testRefusals(() => harness, factory);
  });
}

const seen = listState("seen", string());
const visits = mapState("visits", string(), int64());
const total = valueState("total", int64());

function testLater(harness: () => ParallelHarness<AnyKey>, reopen: (parallelism: number) => Promise<void>): void {
  test("what is removed after a rescale stays removed, what is appended is there once", async () => {
    await reopen(1);
    for (const key of sampleKeys) {
      const state = harness().at(key);
      state.getState(seen).add("first");
      state.getState(visits).putAll([["a", 1], ["b", 2]]);
      state.getState(total).update(1);
    }
    await harness().checkpoint();
    await reopen(3);
    for (const key of sampleKeys) {
      const state = harness().at(key);
      state.getState(seen).add("second");
      state.getState(visits).remove("a");
      state.getState(total).clear();
    }
    await harness().checkpoint();
    for (const parallelism of [2, 1, 4]) {
      await reopen(parallelism);
      for (const key of sampleKeys) {
        const state = harness().at(key);
        expect(state.getState(seen).get()).toEqual(["first", "second"]);
        expect([...state.getState(visits).entries()]).toEqual([["b", 2]]);
        expect(state.getState(total).value()).toBeUndefined();
      }
      await harness().checkpoint();
    }
  });

  test("state that nobody declares moves along, and subtasks may know different states", async () => {
    await reopen(1);
    for (const key of sampleKeys) harness().at(key).getState(total).update(7);
    await harness().checkpoint();
    await harness().close();
    for (const parallelism of [3, 2]) {
      await reopen(parallelism);
      // A state that only one subtask ever meets.
      harness().at("user-1").getState(visits).put("only", parallelism);
      await harness().checkpoint();
    }
    await reopen(1);
    for (const key of sampleKeys) expect(harness().at(key).getState(total).value()).toBe(7);
    expect(harness().at("user-1").getState(visits).get("only")).toBe(2);
  });
}

function testRefusals(harness: () => ParallelHarness<AnyKey>, factory: BackendFactory): void {
  const stored = async (): Promise<void> => {
    await harness().open(factory, 2);
    for (const key of sampleKeys) harness().at(key).getState(total).update(1);
    await harness().checkpoint();
    await harness().close();
  };

  test("another max parallelism, other keys, and missing or doubled key groups are refused", async () => {
    await stored();
    expect(await rejectionCodeOf(harness().open(factory, 1, { maxParallelism: 32 }))).toBe("MAX_PARALLELISM_MISMATCH");
    const strings = string() as unknown as typeof sampleKeySerializer;
    expect(await rejectionCodeOf(harness().open(factory, 1, { keySerializer: strings }))).toBe("STATE_INCOMPATIBLE");
    expect(await rejectionCodeOf(harness().open(factory, 1, { handles: (handles) => handles.slice(1) }))).toBe("CHECKPOINT_DAMAGED");
    expect(await rejectionCodeOf(harness().open(factory, 1, { handles: (handles) => handles.slice(0, 1) }))).toBe("CHECKPOINT_DAMAGED");
    const doubled = harness().open(factory, 1, { handles: (handles) => [...handles, ...handles] });
    expect(await rejectionCodeOf(doubled)).toBe("CHECKPOINT_DAMAGED");
    expect(await rejectionCodeOf(harness().open(factory, 1, { handles: () => [] }))).toBe("CHECKPOINT_DAMAGED");
    await harness().open(factory, 1);
    expect(harness().at("user-1").getState(total).value()).toBe(1);
  });
}

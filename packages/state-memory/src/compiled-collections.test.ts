import { isDeepStrictEqual } from "node:util";
import { int32, int64, type KeyedStateBackend, listState, mapState, string, struct } from "@tidemark/core/state";
import { BackendHarness, SeededRandom } from "@tidemark/core/testing";
import { expect, test } from "vitest";
import { memoryBackend } from "./index.js";

const ttlMs = 1_000;
const fixed = mapState("fixed", int64(), int64());
const texts = mapState("texts", string(), struct({ n: int64(), text: string() }));
const windows = mapState("windows", int64(), string());
const lists = listState("lists", string());
const expiringMap = mapState("expiring-map", string(), int64(), { ttl: { duration: ttlMs } });
const expiringList = listState("expiring-list", int64(), { ttl: { duration: ttlMs } });

interface Stamped {
  readonly value: number;
  readonly atMs: number;
}

/** What one key holds. */
interface Held {
  readonly fixed: Map<number, number>;
  readonly texts: Map<string, { n: number; text: string }>;
  readonly windows: Map<number, Map<number, string>>;
  lists: string[];
  readonly expiringMap: Map<string, Stamped>;
  readonly expiringList: Stamped[];
}

type Model = Map<string, Held>;

const keys = ["", "a", "b", "key ".repeat(20)];

function emptyModel(): Model {
  return new Map(keys.map((key) => [key, {
    fixed: new Map(), texts: new Map(), windows: new Map(), lists: [], expiringMap: new Map(), expiringList: [],
  }]));
}

const text = (n: number): string => "x".repeat(n % 10 === 0 ? 500 : n % 30);

function change(state: KeyedStateBackend<string>, model: Model, random: SeededRandom, nowMs: number): void {
  const key = random.pick(keys);
  const held = model.get(key) as Held;
  state.setCurrentKey(key);
  const n = random.below(random.pick([5, 30, 400]));
  switch (random.below(14)) {
    case 0:
    case 1: {
      const added = Array.from({ length: random.below(60) }, (_, i) => [n + i, random.below(100)] as const);
      state.getState(fixed).putAll(added);
      for (const [mapKey, value] of added) held.fixed.set(mapKey, value);
      break;
    }
    case 2:
      state.getState(fixed).remove(n);
      held.fixed.delete(n);
      break;
    case 3:
    case 4:
      state.getState(texts).put(`${n}`, { n, text: text(n + 1) });
      held.texts.set(`${n}`, { n, text: text(n + 1) });
      break;
    case 5:
      state.getState(texts).remove(`${n}`);
      held.texts.delete(`${n}`);
      break;
    case 6: {
      const window = random.below(3);
      const inside = held.windows.get(window) ?? new Map<number, string>();
      state.getNamespacedState(windows, int32()).in(window).put(n, text(n));
      held.windows.set(window, inside.set(n, text(n)));
      break;
    }
    case 7: {
      const window = random.below(3);
      state.getNamespacedState(windows, int32()).in(window).clear();
      held.windows.delete(window);
      break;
    }
    case 8:
    case 9: {
      const added = Array.from({ length: random.below(5) }, (_, i) => text(n + i));
      state.getState(lists).addAll(added);
      held.lists.push(...added);
      break;
    }
    case 10: {
      const which = random.below(20);
      if (which === 0) state.getState(fixed).clear();
      if (which === 0) held.fixed.clear();
      if (which === 1) state.getState(lists).clear();
      if (which === 1) held.lists = [];
      if (which === 2) state.getState(texts).clear();
      if (which === 2) held.texts.clear();
      break;
    }
    case 11:
    case 12:
      state.getState(expiringMap).put(`${n}`, n);
      held.expiringMap.set(`${n}`, { value: n, atMs: nowMs });
      break;
    default: {
      const added = Array.from({ length: random.below(20) }, (_, i) => n + i);
      state.getState(expiringList).addAll(added);
      held.expiringList.push(...added.map((value) => ({ value, atMs: nowMs })));
    }
  }
}

const byText = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number => (left < right ? -1 : 1);
const byNumber = ([left]: readonly [number, unknown], [right]: readonly [number, unknown]): number => left - right;

/** The assertion library is asked only for its message. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected);
}

function check(state: KeyedStateBackend<string>, model: Model, nowMs: number): void {
  const isAlive = ({ atMs }: Stamped): boolean => nowMs - atMs < ttlMs;
  for (const [key, held] of model) {
    state.setCurrentKey(key);
    same([...state.getState(fixed).entries()], [...held.fixed].sort(byNumber));
    same([...state.getState(texts).entries()], [...held.texts].sort(byText));
    const windowed = state.getNamespacedState(windows, int32());
    same(
      [...windowed.namespaces()].map((window) => [window, [...windowed.in(window).entries()]]),
      [...held.windows].sort(byNumber).map(([window, inside]) => [window, [...inside].sort(byNumber)]),
    );
    same(state.getState(lists).get(), held.lists);
    same(
      [...state.getState(expiringMap).entries()],
      [...held.expiringMap].filter(([, stamped]) => isAlive(stamped)).map(([mapKey, { value }]) => [mapKey, value] as const).sort(byText),
    );
    same(state.getState(expiringList).get(), held.expiringList.filter(isAlive).map(({ value }) => value));
  }
}

// A run has more steps than one of the contract suite, and there are fewer.
const runs = Math.ceil(Number(process.env["TIDEMARK_RANDOM_RUNS"] ?? 120) / 20);

test(`${runs} runs of random operations on maps and lists of compiled serializers`, { timeout: 1_200_000 }, async () => {
  const first = Number(process.env["TIDEMARK_SEED"] ?? 1);
  for (let seed = first; seed < first + runs; seed += 1) {
    const harness = await BackendHarness.create<string>(() => memoryBackend(), { keySerializer: string(), maxParallelism: 7 });
    const random = new SeededRandom(seed);
    let model = emptyModel();
    let saved = structuredClone(model);
    const several = (): void => {
      for (let count = random.below(200); count > 0; count -= 1) change(harness.state, model, random, harness.clock.nowMs());
    };
    try {
      await harness.open();
      for (let step = 0; step < 25; step += 1) {
        several();
        harness.clock.advance(random.below(ttlMs / 4));
        switch (random.below(5)) {
          case 0:
            saved = structuredClone(model);
            await harness.checkpoint(several);
            break;
          case 1:
            await harness.abortedCheckpoint(random.pick(["early", "late"]), several);
            break;
          case 2:
            await harness.close();
            await harness.open();
            model = structuredClone(saved);
            break;
          default:
            check(harness.state, model, harness.clock.nowMs());
        }
      }
      check(harness.state, model, harness.clock.nowMs());
    } catch (error) {
      throw new Error(`random operations failed with seed ${seed}`, { cause: error });
    } finally {
      await harness.dispose();
    }
  }
});

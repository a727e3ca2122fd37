import { expect, test } from "vitest";
import { int64, listState, mapState, reducingState, string, type TtlConfig, valueState } from "../state/index.js";
import type { BackendHarness } from "./backend-harness.js";
import { codeOf } from "./error-code.js";

const hour = 3_600_000;

/** Expiry: of values as a whole, of map entries and list elements each for itself. */
export function testTtl(harness: () => BackendHarness<string>): void {
  const states = (ttl: TtlConfig) => ({
    value: valueState("value", int64(), { ttl }),
    list: listState("list", int64(), { ttl }),
    map: mapState("map", string(), int64(), { ttl }),
    sum: reducingState("sum", int64(), (left, right) => left + right, { ttl }),
  });

  test("rule 9: state expires after its duration, entries and elements each for itself, over a restore", async () => {
    const { state, clock } = harness();
    const { value, list, map, sum } = states({ duration: "1h" });
    state.setCurrentKey("k");
    const write = (number: number): void => {
      state.getState(list).add(number);
      state.getState(map).put(`entry-${number}`, number);
    };
    state.getState(value).update(1);
    state.getState(sum).add(10);
    write(1);
    clock.advance(hour / 2);
    write(2);
    clock.advance(hour / 2 - 1);
    expect([state.getState(value).value(), state.getState(sum).get()]).toEqual([1, 10]);
    expect(state.getState(list).get()).toEqual([1, 2]);
    await harness().checkpoint();
    await harness().close();
    const restored = await harness().open();
    restored.setCurrentKey("k");
    expect(restored.getState(value).value()).toBe(1);
    clock.advance(1);
    expect([restored.getState(value).value(), restored.getState(sum).get()]).toEqual([undefined, undefined]);
    expect(restored.getState(list).get()).toEqual([2]);
    expect([...restored.getState(map).entries()]).toEqual([["entry-2", 2]]);
    expect([restored.getState(map).contains("entry-1"), restored.getState(map).get("entry-1")]).toEqual([false, undefined]);
    clock.advance(hour / 2);
    expect(restored.getState(list).get()).toEqual([]);
    expect(restored.getState(map).isEmpty()).toBe(true);
    restored.getState(sum).add(3);
    expect(restored.getState(sum).get()).toBe(3);
  });

  test("rule 9: a clock that is set back makes nothing valid again", () => {
    const { state, clock } = harness();
    const { map } = states({ duration: hour });
    state.setCurrentKey("k");
    state.getState(map).put("a", 1);
    clock.advance(hour);
    expect([...state.getState(map).keys()]).toEqual([]);
    clock.set(clock.nowMs() - hour / 2);
    expect([...state.getState(map).keys()]).toEqual([]);
    expect(state.getState(map).get("a")).toBeUndefined();
  });

  test("reading lengthens a life only where that was asked for", () => {
    const { state, clock } = harness();
    const onWrite = states({ duration: hour });
    const kept = valueState("kept", int64(), { ttl: { duration: hour, update: "on-read-and-write" } });
    const keptMap = mapState("kept-map", string(), int64(), { ttl: { duration: hour, update: "on-read-and-write" } });
    state.setCurrentKey("k");
    state.getState(onWrite.value).update(1);
    state.getState(kept).update(2);
    state.getState(keptMap).put("a", 3);
    for (let read = 0; read < 3; read += 1) {
      clock.advance(hour * 0.6);
      expect([state.getState(kept).value(), state.getState(keptMap).get("a")]).toEqual([2, 3]);
      expect(state.getState(onWrite.value).value()).toBe(read === 0 ? 1 : undefined);
    }
    clock.advance(hour);
    expect([state.getState(kept).value(), state.getState(keptMap).get("a")]).toEqual([undefined, undefined]);
  });

  test("expired state that was not cleaned yet may be read where that was asked for", () => {
    const { state, clock } = harness();
    const value = valueState("value", int64(), { ttl: { duration: hour, visibility: "return-if-not-cleaned" } });
    state.setCurrentKey("k");
    state.getState(value).update(1);
    clock.advance(hour);
    expect([1, undefined]).toContain(state.getState(value).value());
    expect(state.getState(value).value()).toBeUndefined();
  });

  test("a ttl cannot be switched on or off for stored state, and must be sensible", async () => {
    const { state } = harness();
    state.setCurrentKey("k");
    state.getState(valueState("plain", int64())).update(1);
    state.getState(valueState("expiring", int64(), { ttl: { duration: hour } })).update(1);
    await harness().checkpoint();
    await harness().close();
    const restored = await harness().open();
    expect(codeOf(() => restored.getState(valueState("plain", int64(), { ttl: { duration: hour } })))).toBe("STATE_INCOMPATIBLE");
    expect(codeOf(() => restored.getState(valueState("expiring", int64())))).toBe("STATE_INCOMPATIBLE");
    restored.getState(valueState("new", int64(), { ttl: { duration: "1h" } }));
    restored.getState(valueState("new", int64(), { ttl: { duration: hour } }));
    expect(codeOf(() => restored.getState(valueState("new", int64(), { ttl: { duration: "2h" } })))).toBe("STATE_NAME_CONFLICT");
    for (const ttl of [{ duration: 0 }, { duration: "soon" }, { duration: 5, update: "never" }, { duration: 5, visibility: "maybe" }]) {
      expect(codeOf(() => valueState("bad", int64(), { ttl: ttl as TtlConfig }))).toBe("INVALID_CONFIGURATION");
    }
  });
}

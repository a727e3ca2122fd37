import { expect, test } from "vitest";
import { aliased, bigint64, int32, int64, listState, mapState, optional, string, struct, valueState, withDefault } from "../state/index.js";
import type { BackendHarness } from "./backend-harness.js";
import { codeOf } from "./error-code.js";

/** A changed value type is read, migrated or refused at restore. */
export function testEvolution(harness: () => BackendHarness<string>): void {
  const first = struct({ id: int32(), name: string(), gone: int64() });
  const second = struct({ id: int64(), title: aliased(string(), "name"), note: optional(string()), level: withDefault(int32(), 3) });
  const old = { id: 1, name: "one", gone: 9 };
  const migrated = { id: 1, title: "one", note: undefined, level: 3 };

  async function restart(): Promise<void> {
    await harness().checkpoint();
    await harness().close();
    await harness().open();
    harness().state.setCurrentKey("k");
  }

  test("added, removed, renamed and widened fields are read in values, maps and lists, mixed versions too", async () => {
    harness().state.setCurrentKey("k");
    harness().state.getState(valueState("value", first)).update(old);
    harness()
      .state.getState(mapState("map", string(), first))
      .put("a", old);
    harness().state.getState(listState("list", first)).add(old);
    await restart();
    const states = () => ({
      value: harness().state.getState(valueState("value", second)),
      map: harness().state.getState(mapState("map", string(), second)),
      list: harness().state.getState(listState("list", second)),
    });
    const added = { id: 2 ** 40, title: "two", note: "new", level: 5 };
    expect(states().value.value()).toEqual(migrated);
    states().map.put("b", added);
    states().list.add(added);
    const check = (): void => {
      expect(states().value.value()).toEqual(migrated);
      expect([...states().map.entries()]).toEqual([
        ["a", migrated],
        ["b", added],
      ]);
      expect(states().list.get()).toEqual([migrated, added]);
    };
    check();
    await restart();
    check();
    await restart();
    // The alias must stay as long as values of the first schema may be there.
    const third = struct({ id: bigint64(), title: aliased(string(), "name"), extra: withDefault(string(), "x") });
    const list = harness().state.getState(listState("list", third));
    list.add({ id: 3n, title: "three", extra: "y" });
    expect(list.get()).toEqual([
      { id: 1n, title: "one", extra: "x" },
      { id: 2n ** 40n, title: "two", extra: "x" },
      { id: 3n, title: "three", extra: "y" },
    ]);
  });

  test("a type that cannot be read is refused with state, field and both types, and nothing changes", async () => {
    harness().state.setCurrentKey("k");
    harness().state.getState(valueState("value", first)).update(old);
    harness()
      .state.getState(mapState("map", string(), int64()))
      .put("a", 1);
    await restart();
    const { state } = harness();
    const narrowed = valueState("value", struct({ id: string(), name: string(), gone: int64() }));
    expect(codeOf(() => state.getState(narrowed))).toBe("STATE_INCOMPATIBLE");
    expect(() => state.getState(narrowed)).toThrow(/"value".*id.*int32.*string/su);
    expect(codeOf(() => state.getState(mapState("map", int64(), int64())))).toBe("STATE_INCOMPATIBLE");
    expect(codeOf(() => state.getState(listState("value", first)))).toBe("STATE_INCOMPATIBLE");
    expect(codeOf(() => state.getState(mapState("map", string(), int32())))).toBe("STATE_INCOMPATIBLE");
    expect(state.getState(valueState("value", first)).value()).toEqual(old);
  });
}

import { describe, expect, test } from "vitest";
import { decodeManifest, encodeManifest, type OperatorStateIds } from "../storage/index.js";
import { knownDescriptor, valueState } from "./descriptors.js";
import { voidNamespace } from "./namespace.js";
import { describeKeyed, restoredRegistry } from "./savepoint/keyed-description.js";
import { int32, int64 } from "./serializers/index.js";
import { OperatorStateIdRegistry } from "./state-ids.js";
import { highestUserStateId, StateRegistry } from "./state-registry.js";

const register = (registry: StateRegistry, name: string): number =>
  registry.register(knownDescriptor(valueState(name, int64())), voidNamespace).id;

/** All orders of some names. */
function orders(names: readonly string[]): string[][] {
  if (names.length < 2) return [[...names]];
  return names.flatMap((first) => orders(names.filter((name) => name !== first)).map((rest) => [first, ...rest]));
}

describe("ids of states", () => {
  test("rule 10: three subtasks that declare their states in different orders give them the same ids", () => {
    for (const first of orders(["a", "b", "c"])) {
      for (const second of orders(["a", "b", "c"])) {
        const ids = new OperatorStateIdRegistry("count");
        const subtasks = [first, second, ["c", "d"]].map((names) => ({ registry: new StateRegistry(ids), names }));
        // In turns, as subtasks that run at the same time would.
        const given = subtasks.map(() => new Map<string, number>());
        for (let turn = 0; turn < 3; turn += 1) {
          for (const [subtask, { registry, names }] of subtasks.entries()) {
            const name = names[turn];
            if (name !== undefined) given[subtask]?.set(name, register(registry, name));
          }
        }
        for (const name of ["a", "b", "c", "d"]) {
          expect(new Set(given.map((each) => each.get(name)).filter((id) => id !== undefined)).size).toBe(1);
        }
        expect(new Set(given.flatMap((each) => [...each.values()])).size).toBe(4);
        // What each of them stores fits together, also for one that knows only some of the states.
        const facts = { keySerializer: int32(), maxParallelism: 12 };
        const handles = subtasks.map(({ registry }, subtask) => ({
          keyGroups: [subtask * 4, subtask * 4 + 3] as const,
          description: JSON.parse(JSON.stringify(describeKeyed(facts, registry.describe()))) as null,
        }));
        const next = new OperatorStateIdRegistry("count", JSON.parse(JSON.stringify(ids.describe())) as OperatorStateIds);
        const context = { ...facts, operator: "count", keyGroups: { first: 0, last: 11 }, stateIds: next };
        const restored = restoredRegistry(context, handles);
        expect(register(restored, "e")).toBe(5);
        expect(register(restored, "d")).toBe(given[2]?.get("d"));
        expect(next.idOf("e")).toBe(5);
      }
    }
  });

  test("rule 10: an id that was given is never given again, also when nobody has the state any more", () => {
    const ids = new OperatorStateIdRegistry("count", { nextId: 6, states: [{ id: 2, name: "b" }], retired: [1, 3, 4, 5] });
    expect(ids.idOf("a")).toBe(6);
    expect(ids.idOf("b")).toBe(2);
    expect(ids.describe()).toEqual({ nextId: 7, states: [{ id: 2, name: "b" }, { id: 6, name: "a" }], retired: [1, 3, 4, 5] });
  });

  test("rule 10: maps that disagree are refused", () => {
    const cases: [readonly { id: number; name: string }[], readonly { id: number; name: string }[]][] = [
      [[{ id: 1, name: "a" }], [{ id: 2, name: "a" }]],
      [[{ id: 1, name: "a" }], [{ id: 1, name: "b" }]],
      [[{ id: 1, name: "a" }, { id: 2, name: "b" }], [{ id: 2, name: "a" }, { id: 1, name: "b" }]],
    ];
    for (const [left, right] of cases) {
      const ids = new OperatorStateIdRegistry("count", { nextId: 3, states: left, retired: [] });
      expect(() => ids.adopt(right, 3)).toThrow(expect.objectContaining({ code: "CHECKPOINT_DAMAGED", details: { operator: "count" } }));
      // Nothing of the refused map was taken over.
      expect(ids.describe().states).toEqual(left);
    }
    const retired = new OperatorStateIdRegistry("count", { nextId: 3, states: [], retired: [1, 2] });
    expect(() => retired.adopt([{ id: 1, name: "a" }], 2)).toThrow(expect.objectContaining({ code: "CHECKPOINT_DAMAGED" }));
    const ids = new OperatorStateIdRegistry("count");
    expect(ids.idOf("x")).toBe(1);
    const other = new StateRegistry();
    register(other, "a");
    expect(() => StateRegistry.restore(other.describe(), ids)).toThrow(expect.objectContaining({ code: "CHECKPOINT_DAMAGED" }));
  });

  test("there are only so many", () => {
    const ids = new OperatorStateIdRegistry("count", { nextId: highestUserStateId, states: [], retired: [] });
    expect(ids.idOf("last")).toBe(highestUserStateId);
    expect(ids.idOf("last")).toBe(highestUserStateId);
    expect(() => ids.idOf("more")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    const manifest = {
      job: "j",
      checkpoint: 1,
      generation: 1,
      kind: "checkpoint" as const,
      createdAtMs: 0,
      maxParallelism: 1,
      records: 0,
      operators: [{ id: "count", parallelism: 1, subtasks: [], stateIds: new OperatorStateIdRegistry("count").describe() }],
      files: [],
    };
    expect(decodeManifest(encodeManifest(manifest), "m").operators[0]?.stateIds).toEqual({ nextId: 1, states: [], retired: [] });
  });
});

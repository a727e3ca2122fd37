import { expect, test } from "vitest";
import type { Json } from "../storage/index.js";
import { knownDescriptor, mapState, valueState } from "./descriptors.js";
import { int64, string } from "./serializers/index.js";
import { voidNamespace } from "./namespace.js";
import { StateRegistry } from "./state-registry.js";

test("rule 10: ids are given once and stay, over restores", () => {
  const first = new StateRegistry();
  expect(first.register(knownDescriptor(valueState("a", int64())), voidNamespace).id).toBe(1);
  expect(first.register(knownDescriptor(mapState("b", string(), int64())), voidNamespace).id).toBe(2);
  const restored = StateRegistry.restore(JSON.parse(JSON.stringify(first.describe())) as Json);
  expect(restored.register(knownDescriptor(valueState("c", int64())), voidNamespace).id).toBe(3);
  expect(restored.register(knownDescriptor(mapState("b", string(), int64())), voidNamespace).id).toBe(2);
});

test("a malformed description is refused", () => {
  const state = { id: 1, name: "a", kind: "value", hasTtl: false, namespace: { type: "void" }, schemas: [{ type: "int64" }] };
  const bad: Json[] = [
    null,
    [],
    {},
    { nextId: 2 },
    { nextId: 1, states: [state] },
    { nextId: "2", states: [] },
    { nextId: 2, states: [null] },
    { nextId: 2, states: [{ ...state, id: 0 }] },
    { nextId: 99_999, states: [{ ...state, id: 0xff01 }] },
    { nextId: 3, states: [state, { ...state, id: 2 }] },
    { nextId: 3, states: [state, { ...state, name: "b" }] },
    { nextId: 2, states: [{ ...state, kind: "heap" }] },
    { nextId: 2, states: [{ ...state, kind: "map" }] },
    { nextId: 2, states: [{ ...state, key: { type: "string" } }] },
    { nextId: 2, states: [{ ...state, schemas: 5 }] },
    { nextId: 2, states: [{ ...state, schemas: [{}] }] },
    { nextId: 2, states: [{ ...state, schemas: [] }] },
    { nextId: 2, states: [{ ...state, hasTtl: 1 }] },
    { nextId: 2, states: [{ ...state, namespace: null }] },
  ];
  for (const description of bad) {
    expect(() => StateRegistry.restore(description), JSON.stringify(description)).toThrowError(
      expect.objectContaining({ code: "CHECKPOINT_DAMAGED" }),
    );
  }
  expect(() => StateRegistry.restore({ nextId: 2, states: [{ ...state, name: "../a" }] })).toThrowError(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

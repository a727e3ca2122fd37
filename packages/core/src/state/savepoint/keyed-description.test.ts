import { describe, expect, test } from "vitest";
import type { Json } from "../../storage/index.js";
import { codeOf } from "../../testing/error-code.js";
import { listState, mapState, valueState } from "../descriptors.js";
import { voidNamespace } from "../namespace.js";
import { int32, int64, optional, string, struct } from "../serializers/index.js";
import { StateRegistry } from "../state-registry.js";
import { describeKeyed, restoredRegistry } from "./keyed-description.js";

const context = { operator: "o", keySerializer: string(), maxParallelism: 16, keyGroups: { first: 4, last: 11 } };
const count = valueState("count", int64());
const items = listState("items", struct({ id: int32() }));
const laterItems = listState("items", struct({ id: int64(), label: optional(string()) }));

type Descriptor = Parameters<StateRegistry["register"]>[0];

function handle(
  first: number,
  last: number,
  ...declared: readonly unknown[]
): { readonly keyGroups: readonly [number, number]; readonly description: Json } {
  const registry = new StateRegistry();
  for (const descriptor of declared) registry.register(descriptor as Descriptor, voidNamespace);
  return { keyGroups: [first, last], description: JSON.parse(JSON.stringify(describeKeyed(context, registry.describe()))) as Json };
}

function restore(...handles: ReturnType<typeof handle>[]): StateRegistry {
  return restoredRegistry(context, handles);
}

describe("descriptions of keyed state", () => {
  test("subtasks may know more or less of the same states", () => {
    const merged = restore(handle(4, 7, count), handle(8, 15, count, items, laterItems), handle(0, 3));
    expect(merged.describe()).toEqual(restore(handle(0, 15, count, items, laterItems)).describe());
    // The next state gets an id that none of them has given.
    const next = merged.register(valueState("next", int64()) as unknown as Descriptor, voidNamespace);
    expect(next.id).toBe(3);
  });

  test("rule 10: subtasks that disagree about an id or a type are refused", () => {
    const refused = [
      [handle(4, 7, count, items), handle(8, 11, items, count)],
      [handle(4, 7, count), handle(8, 11, items)],
      [handle(4, 7, count), handle(8, 11, valueState("count", string()))],
      [handle(4, 7, count), handle(8, 11, mapState("count", string(), int64()))],
      [handle(4, 7, items), handle(8, 11, laterItems)],
    ];
    for (const handles of refused) expect(codeOf(() => restore(...handles))).toBe("CHECKPOINT_DAMAGED");
  });

  test("each key group is there once", () => {
    expect(codeOf(() => restore(handle(0, 15)))).toBe("no error");
    expect(codeOf(() => restore(handle(8, 15), handle(0, 7)))).toBe("no error");
    expect(codeOf(() => restore(handle(4, 11), handle(12, 15), handle(0, 3)))).toBe("no error");
    for (const handles of [
      [],
      [handle(0, 3)],
      [handle(5, 11)],
      [handle(4, 10)],
      [handle(4, 7), handle(9, 11)],
      [handle(4, 8), handle(8, 11)],
      [handle(4, 11), handle(4, 11)],
      [handle(0, 15), handle(11, 15)],
    ])
      expect(codeOf(() => restore(...handles)), JSON.stringify(handles.map(({ keyGroups }) => keyGroups))).toBe("CHECKPOINT_DAMAGED");
  });

  test("another max parallelism, other keys, and descriptions that nobody writes", () => {
    const good = handle(0, 15, count);
    expect(codeOf(() => restoredRegistry({ ...context, maxParallelism: 32 }, [good]))).toBe("MAX_PARALLELISM_MISMATCH");
    expect(codeOf(() => restoredRegistry({ ...context, keySerializer: int64() }, [good]))).toBe("STATE_INCOMPATIBLE");
    const { maxParallelism, keys, states } = good.description as { readonly [name: string]: Json };
    const lacking = [{ keys, states }, { maxParallelism, keys }, { maxParallelism, states }, { maxParallelism, keys, states: 5 }];
    for (const description of [null, 5, [], {}, ...lacking]) {
      expect(codeOf(() => restore({ ...good, description: description as Json }))).toBe("CHECKPOINT_DAMAGED");
    }
  });
});

import { beforeEach, describe, expect, test } from "vitest";
import { isStateError } from "../../errors/index.js";
import { type FileReference, type Json, MemoryFileSystem, type SnapshotFiles } from "../../storage/index.js";
import { int32, int64, msgpack, optional, string, struct } from "../serializers/index.js";
import { OperatorStateBackend } from "./operator-state-backend.js";
import type { OperatorStateHandle } from "./operator-state-description.js";

let fileSystem: MemoryFileSystem;
let files: SnapshotFiles;
beforeEach(() => {
  fileSystem = new MemoryFileSystem();
  files = {
    generation: 1,
    addFile: () => Promise.reject(new Error("operator state has no local files")),
    writeFile: async (name, chunks): Promise<FileReference> => {
      const file = await fileSystem.createFile(`/${name}`);
      for await (const chunk of chunks) await file.write(chunk);
      await file.close();
      return { name, sizeBytes: file.sizeBytes, sha256: await fileSystem.sha256(`/${name}`) };
    },
  };
});

const never = new AbortController().signal;

async function openAll(parallelism: number, handles?: readonly OperatorStateHandle[], maxBytes?: number): Promise<OperatorStateBackend[]> {
  const restore = handles === undefined ? {} : { restore: { handles, file: fileOf } };
  const limit = maxBytes === undefined ? {} : { maxBytes };
  return await Promise.all(
    Array.from({ length: parallelism }, (_, subtask) =>
      OperatorStateBackend.open({ operator: "sources", subtask, parallelism, fileSystem, ...restore, ...limit }),
    ),
  );
}

function fileOf(name: string): { readonly reference: FileReference; readonly path: string } {
  return { reference: { name, sizeBytes: 0, sha256: "" }, path: `/${name}` };
}

let checkpoint = 0;
async function snapshotAll(backends: readonly OperatorStateBackend[]): Promise<OperatorStateHandle[]> {
  checkpoint += 1;
  const results = await Promise.all(backends.map((backend) => backend.snapshot(checkpoint, files, never)));
  return results.map(({ handle }) => JSON.parse(JSON.stringify(handle)) as OperatorStateHandle);
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return isStateError(error) ? error.code : String(error);
  }
  return "no error";
}

const rules = string();

describe("operator state", () => {
  test("lists and maps hold what was put in, maps in key order", async () => {
    const [backend] = await openAll(1);
    const list = (backend as OperatorStateBackend).getListState("offsets", int64());
    list.addAll([3, 1]);
    list.add(2);
    expect(list.get()).toEqual([3, 1, 2]);
    list.update([9]);
    expect(list.get()).toEqual([9]);
    list.clear();
    expect(list.get()).toEqual([]);
    const map = (backend as OperatorStateBackend).getBroadcastState("rules", string(), msgpack());
    map.putAll([["b", 1], ["a", { deep: true }], ["c", 3]]);
    map.remove("c");
    map.remove("absent");
    expect([...map.entries()]).toEqual([["a", { deep: true }], ["b", 1]]);
    expect([...map.keys(), ...map.values()]).toEqual(["a", "b", { deep: true }, 1]);
    expect([map.contains("c"), map.get("b"), map.isEmpty()]).toEqual([false, 1, false]);
    map.clear();
    expect([map.isEmpty(), (backend as OperatorStateBackend).sizeBytes]).toEqual([true, 0]);
  });

  test("a restore at the same parallelism gives each subtask what it had", async () => {
    const before = await openAll(3);
    for (const [subtask, backend] of before.entries()) {
      backend.getListState("offsets", int64()).addAll([subtask, subtask + 10, subtask + 20].slice(subtask));
    }
    const after = await openAll(3, await snapshotAll(before));
    expect(after.map((backend) => backend.getListState("offsets", int64()).get())).toEqual([[0, 10, 20], [11, 21], [22]]);
  });

  test("1->3->2: even-split lists go around, union lists go to all, broadcast maps are copied, undeclared states come along", async () => {
    const [one] = await openAll(1);
    (one as OperatorStateBackend).getListState("split", int64()).addAll([0, 1, 2, 3, 4, 5, 6]);
    (one as OperatorStateBackend).getUnionListState("union", string()).addAll(["a", "b"]);
    (one as OperatorStateBackend).getBroadcastState("rules", string(), rules).putAll([["x", "1"], ["y", "2"]]);
    const three = await openAll(3, await snapshotAll([one as OperatorStateBackend]));
    expect(three.map((backend) => backend.getListState("split", int64()).get())).toEqual([[0, 3, 6], [1, 4], [2, 5]]);
    for (const [subtask, backend] of three.entries()) {
      const union = backend.getUnionListState("union", string());
      expect(union.get()).toEqual(["a", "b"]);
      union.update([`u${subtask}`]);
    }
    const two = await openAll(2, await snapshotAll(three));
    for (const backend of two) {
      expect(backend.getUnionListState("union", string()).get()).toEqual(["u0", "u1", "u2"]);
      expect([...backend.getBroadcastState("rules", string(), rules).entries()]).toEqual([["x", "1"], ["y", "2"]]);
    }
    expect(two.map((backend) => backend.getListState("split", int64()).get())).toEqual([[0, 6, 4, 5], [3, 1, 2]]);
    // Nobody declares them in this life, more subtasks than before.
    const five = await openAll(5, await snapshotAll(await openAll(5, await snapshotAll(two))));
    const split = five.flatMap((backend) => backend.getListState("split", int64()).get());
    expect([...split].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const backend of five) expect(backend.getBroadcastState("rules", string(), rules).get("y")).toBe("2");
  });

  test("a snapshot has the contents at the call, whatever changes while it is written", async () => {
    const [backend] = await openAll(1);
    const list = (backend as OperatorStateBackend).getListState("list", msgpack());
    const map = (backend as OperatorStateBackend).getBroadcastState("map", int64(), msgpack());
    for (let index = 0; index < 3_000; index += 1) {
      list.add({ index });
      map.put(index, index);
    }
    const pending = (backend as OperatorStateBackend).snapshot(100, files, never);
    list.add("late");
    (list.get()[0] as { index: number }).index = -1;
    list.update(["other"]);
    map.put(0, "late");
    map.remove(1);
    map.put(5_000, 1);
    const [restored] = await openAll(1, [(await pending).handle]);
    const again = restored as OperatorStateBackend;
    expect(again.getListState("list", msgpack()).get()).toEqual(Array.from({ length: 3_000 }, (_, index) => ({ index })));
    const entries = [...again.getBroadcastState("map", int64(), msgpack()).entries()];
    expect(entries).toEqual(Array.from({ length: 3_000 }, (_, index) => [index, index]));
    expect(list.get()).toEqual(["other"]);
  });

  test("an aborted snapshot rejects and changes nothing", async () => {
    const [backend] = await openAll(1);
    const list = (backend as OperatorStateBackend).getListState("list", int64());
    list.addAll(Array.from({ length: 2_000 }, (_, index) => index));
    const abort = new AbortController();
    const pending = (backend as OperatorStateBackend).snapshot(101, files, abort.signal);
    abort.abort(new Error("given up"));
    expect(await codeOf(() => pending)).toBe("Error: given up");
    expect(list.get()).toHaveLength(2_000);
  });
});

describe("operator state evolution", () => {
  const first = struct({ id: int32() });
  const second = struct({ id: int64(), label: optional(string()) });

  test("values of older schemas are read, also mixed and from subtasks with different histories", async () => {
    const old = await openAll(2);
    for (const [subtask, backend] of old.entries()) backend.getListState("items", first).add({ id: subtask });
    const mixed = await openAll(2, await snapshotAll(old));
    // Only one of them knows the newer schema.
    (mixed[1] as OperatorStateBackend).getListState("items", second).add({ id: 2, label: "new" });
    const [one] = await openAll(1, await snapshotAll(mixed));
    expect((one as OperatorStateBackend).getListState("items", second).get()).toEqual([{ id: 0 }, { id: 1 }, { id: 2, label: "new" }]);
  });

  test("subtasks that number their schemas differently are read together", async () => {
    const [old] = await openAll(1);
    (old as OperatorStateBackend).getUnionListState("items", first).add({ id: 1 });
    // What only the first of two subtasks is given again has both schemas; the other one starts with the second.
    const grown = (await openAll(1, await snapshotAll([old as OperatorStateBackend])))[0] as OperatorStateBackend;
    grown.getUnionListState("items", second).add({ id: 2, label: "both" });
    const fresh = (await openAll(1))[0] as OperatorStateBackend;
    fresh.getUnionListState("items", second).add({ id: 3, label: "fresh" });
    for (const order of [[grown, fresh], [fresh, grown]]) {
      const handles = (await snapshotAll(order.slice(0, 1))).concat(await snapshotAll(order.slice(1)));
      const two = handles.map((handle, subtask) => {
        return { ...handle, description: { ...(handle.description as object), subtask, parallelism: 2 } };
      });
      const backend = (await openAll(1, two as unknown as OperatorStateHandle[]))[0] as OperatorStateBackend;
      const found = [...backend.getUnionListState("items", second).get()].sort((left, right) => left.id - right.id);
      expect(found).toEqual([{ id: 1 }, { id: 2, label: "both" }, { id: 3, label: "fresh" }]);
    }
  });

  test("what cannot be read is refused, and stays", async () => {
    const [before] = await openAll(1);
    (before as OperatorStateBackend).getListState("items", first).add({ id: 1 });
    (before as OperatorStateBackend).getBroadcastState("map", string(), int32()).put("k", 1);
    const [backend] = await openAll(1, await snapshotAll([before as OperatorStateBackend]));
    const other = struct({ id: string() });
    expect(await codeOf(() => (backend as OperatorStateBackend).getListState("items", other))).toBe("STATE_INCOMPATIBLE");
    expect(await codeOf(() => (backend as OperatorStateBackend).getUnionListState("items", first))).toBe("STATE_INCOMPATIBLE");
    expect(await codeOf(() => (backend as OperatorStateBackend).getBroadcastState("map", int64(), int32()))).toBe("STATE_INCOMPATIBLE");
    expect(await codeOf(() => (backend as OperatorStateBackend).getBroadcastState("map", string(), string()))).toBe("STATE_INCOMPATIBLE");
    expect((backend as OperatorStateBackend).getListState("items", first).get()).toEqual([{ id: 1 }]);
    expect((backend as OperatorStateBackend).getBroadcastState("map", string(), int64()).get("k")).toBe(1);
  });
});

describe("operator state refuses", () => {
  test("bad calls, each with its own error and without a change", async () => {
    const [backend] = await openAll(1, undefined, 1_000);
    const list = (backend as OperatorStateBackend).getListState("list", int64());
    const map = (backend as OperatorStateBackend).getBroadcastState("map", string(), string());
    list.add(1);
    map.put("k", "v");
    expect((backend as OperatorStateBackend).getListState("list", int64())).toBe(list);
    expect(await codeOf(() => (backend as OperatorStateBackend).getListState("list", string()))).toBe("STATE_NAME_CONFLICT");
    expect(await codeOf(() => (backend as OperatorStateBackend).getUnionListState("list", int64()))).toBe("STATE_NAME_CONFLICT");
    expect(await codeOf(() => (backend as OperatorStateBackend).getBroadcastState("map", int64(), string()))).toBe("STATE_NAME_CONFLICT");
    expect(await codeOf(() => (backend as OperatorStateBackend).getListState("../x", int64()))).toBe("INVALID_ARGUMENT");
    expect(await codeOf(() => list.addAll([2, "3" as unknown as number]))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(await codeOf(() => map.putAll([["a", "b"], ["c", 1 as unknown as string]]))).toBe("VALUE_NOT_SERIALIZABLE");
    expect(await codeOf(() => map.put(1 as unknown as string, "x"))).toBe("KEY_TYPE");
    expect(await codeOf(() => map.put("x".repeat(70_000), "x"))).toBe("KEY_TOO_LARGE");
    expect(await codeOf(() => list.addAll(Array.from({ length: 200 }, (_, index) => index)))).toBe("NO_MEMORY");
    expect(await codeOf(() => map.put("large", "x".repeat(2_000)))).toBe("NO_MEMORY");
    expect([list.get(), [...map.entries()]]).toEqual([[1], [["k", "v"]]]);
    expect(await codeOf(() => openAll(0))).toBe("no error");
    const context = { operator: "o", parallelism: 2, fileSystem };
    for (const subtask of [-1, 2, 0.5]) {
      expect(await codeOf(() => OperatorStateBackend.open({ ...context, subtask }))).toBe("INVALID_ARGUMENT");
    }
    expect(await codeOf(() => OperatorStateBackend.open({ ...context, subtask: 0, maxBytes: 0 }))).toBe("INVALID_ARGUMENT");
    (backend as OperatorStateBackend).close();
    (backend as OperatorStateBackend).close();
    const onMap = [() => map.get("k"), () => map.put("k", "v"), () => [...map.keys()], () => map.clear()];
    const calls = [() => list.get(), () => list.add(1), ...onMap];
    for (const call of calls) expect(await codeOf(call)).toBe("DISPOSED");
    expect(await codeOf(() => (backend as OperatorStateBackend).getListState("list", int64()))).toBe("DISPOSED");
    expect(await codeOf(() => (backend as OperatorStateBackend).snapshot(1, files, never))).toBe("DISPOSED");
  });

  test("descriptions that no backend writes", async () => {
    const two = await openAll(2);
    for (const [subtask, backend] of two.entries()) {
      backend.getListState("list", int64()).addAll([subtask, 5]);
      backend.getBroadcastState("map", string(), int64()).put("k", 1);
    }
    const handles = await snapshotAll(two);
    type Described = { subtask: Json; parallelism: Json; states: { [key: string]: Json }[] };
    const changes: readonly ((description: Described) => unknown)[] = [
      (description) => (description.subtask = 1),
      (description) => (description.subtask = -1),
      (description) => (description.parallelism = 3),
      (description) => (description.parallelism = 1e9),
      (description) => (description.states = null as unknown as Described["states"]),
      (description) => description.states.push(description.states[0] as Described["states"][number]),
      (description) => description.states.pop(),
      ...["id", "name", "redistribution", "schemas", "count"].map((name) => ({ states }: Described) => delete states[0]?.[name]),
      ({ states }) => ((states[0] as Described["states"][number])["count"] = 1),
      ({ states }) => ((states[0] as Described["states"][number])["count"] = 2 ** 60),
      ({ states }) => ((states[0] as Described["states"][number])["redistribution"] = "union"),
      ({ states }) => ((states[0] as Described["states"][number])["schemas"] = []),
      ({ states }) => ((states[0] as Described["states"][number])["schemas"] = Array.from({ length: 257 }, () => ({ type: "int64" }))),
      ({ states }) => ((states[0] as Described["states"][number])["key"] = { type: "string" }),
      ({ states }) => ((states[0] as Described["states"][number])["name"] = "../x"),
      ({ states }) => ((states[0] as Described["states"][number])["id"] = 7),
      ({ states }) => delete states[1]?.["key"],
      ({ states }) => ((states[1] as Described["states"][number])["count"] = 0),
    ];
    for (const [index, change] of changes.entries()) {
      const changed = JSON.parse(JSON.stringify(handles)) as { files: string[]; description: Described }[];
      change((changed[0] as (typeof changed)[number]).description);
      expect(await codeOf(() => openAll(1, changed as unknown as OperatorStateHandle[])), `change ${index}`).toBe("CHECKPOINT_DAMAGED");
    }
    for (const wrong of [[], handles.slice(1), [...handles, ...handles], handles.map((handle) => ({ ...handle, files: [] }))]) {
      expect(await codeOf(() => openAll(1, wrong))).toBe("CHECKPOINT_DAMAGED");
    }
    expect(await codeOf(() => openAll(1, handles))).toBe("no error");
  });

  test("broadcast copies of different size, and damaged files", async () => {
    const two = await openAll(2);
    (two[0] as OperatorStateBackend).getBroadcastState("map", string(), int64()).putAll([["a", 1], ["b", 2]]);
    (two[1] as OperatorStateBackend).getBroadcastState("map", string(), int64()).put("a", 1);
    expect(await codeOf(async () => openAll(2, await snapshotAll(two)))).toBe("CHECKPOINT_DAMAGED");
    (two[1] as OperatorStateBackend).getBroadcastState("map", string(), int64()).put("b", 2);
    const handles = await snapshotAll(two);
    const path = `/${handles[1]?.files[0] ?? ""}`;
    const whole = await fileSystem.readFile(path);
    const replace = async (bytes: Uint8Array): Promise<void> => {
      await fileSystem.removeFile(path);
      const file = await fileSystem.createFile(path);
      await file.write(bytes);
      await file.close();
    };
    for (let length = 0; length < whole.length; length += 1) {
      await replace(whole.slice(0, length));
      expect(await codeOf(() => openAll(2, handles)), `cut to ${length}`).toBe("CHECKPOINT_FILE_DAMAGED");
    }
    for (let position = 0; position < whole.length; position += 1) {
      const flipped = whole.slice();
      flipped[position] = (flipped[position] as number) ^ 1;
      await replace(flipped);
      expect(await codeOf(() => openAll(2, handles)), `byte ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
    }
    await replace(whole);
    expect((await openAll(2, handles))[1]?.getBroadcastState("map", string(), int64()).get("b")).toBe(2);
  });
});

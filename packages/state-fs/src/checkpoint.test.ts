import { describe, expect, test } from "vitest";
import { int64, isStateError, type RestoredState, StateError, string, valueState } from "@tidemark/core/state";
import { faultAt, FaultyFileSystem, type FileCall, type FileReference, MemoryFileSystem } from "@tidemark/core/storage";
import { BackendHarness } from "@tidemark/core/testing";
import { fsBackend } from "./index.js";
import { change, checkpoint, count, dump, leaseOn, openStore } from "./store.test.support.js";

const total = valueState("total", int64());

const bytesOf = (files: readonly FileReference[]): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

test("a checkpoint adds what changed, and a materialisation keeps the whole within twice the state", async () => {
  const harness = await BackendHarness.create((directory) => fsBackend({ directory, materialise: { minimumBytes: 100_000 } }), {
    keySerializer: string(),
  });
  try {
    await harness.open();
    const put = (first: number, many: number, value: number): void => {
      for (let index = first; index < first + many; index += 1) {
        harness.state.setCurrentKey(`key-${index % 100_000}`);
        harness.state.getState(total).update(value);
      }
    };
    put(0, 100_000, 1);
    await harness.checkpoint();
    const settled = await untilMaterialised(harness);
    const stateBytes = bytesOf(settled);
    const known = new Set(settled.map(({ name }) => name));
    put(500, 100, 2);
    const files = await harness.checkpoint();
    const added = files.filter(({ name }) => !known.has(name));
    expect(added.length).toBe(1);
    expect(bytesOf(added)).toBeLessThan(0.05 * bytesOf(files));
    expect((await harness.checkpoint()).map(({ name }) => name), "nothing changed").toEqual(files.map(({ name }) => name));
    let largest = 0;
    let materialisations = 0;
    let before = files;
    for (let round = 0; round < 50; round += 1) {
      put(round * 5_000, 5_000, round);
      const next = await harness.checkpoint();
      largest = Math.max(largest, bytesOf(next));
      if (next[0]?.name !== before[0]?.name) materialisations += 1;
      before = next;
    }
    // What is logged while the materialisation is written comes on top of twice the state.
    expect(materialisations).toBeGreaterThan(1);
    expect(largest).toBeLessThan(2.4 * stateBytes);
    await harness.close();
    await harness.open();
    harness.state.setCurrentKey("key-99999");
    expect(harness.state.getState(total).value()).toBe(39);
  } finally {
    await harness.dispose();
  }
});

/** Takes checkpoints until one is a base alone. */
async function untilMaterialised(harness: BackendHarness<string>): Promise<readonly FileReference[]> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const files = await harness.checkpoint();
    if (files.length === 1 && files[0]?.name.endsWith(".entries") === true) return files;
  }
  throw new Error("nothing was materialised");
}

test("two subtasks' logs come together, and come apart again", async () => {
  const memory = new MemoryFileSystem();
  const lease = await leaseOn(memory);
  const halves = await Promise.all(
    [0, 1].map((subtask) => openStore(memory, {}, { subtask, keyGroups: { first: subtask * 4, last: subtask * 4 + 3 } })),
  );
  const taken: string[][] = [[], []];
  for (let index = 0; index < 40; index += 1) {
    for (const [subtask, half] of halves.entries()) {
      try {
        half.setCurrentKey(`key-${index}`);
      } catch {
        continue;
      }
      half.getState(count).update(index);
      taken[subtask]?.push(`key-${index}`);
    }
  }
  expect(taken.map((keys) => keys.length > 5)).toEqual([true, true]);
  const restores: RestoredState[] = [];
  for (const [index, half] of halves.entries()) restores.push(await checkpoint(half, lease, index + 1));
  const file = (name: string) => (restores[name.includes("-op-0-") ? 0 : 1] as RestoredState).file(name);
  const whole = await openStore(memory, {}, { generation: 2, restore: { handles: restores.flatMap(({ handles }) => handles), file } });
  expect([...whole.keys(count)].sort()).toEqual(taken.flat().sort());
  whole.setCurrentKey("key-1");
  whole.getState(count).update(100);
  const restore = await checkpoint(whole, lease, 3);
  expect(restore.handles[0]?.files.length, "all of it written anew").toBe(1);
  const half = await openStore(memory, {}, { generation: 3, restore, keyGroups: { first: 4, last: 7 } });
  expect([...half.keys(count)].sort()).toEqual((taken[1] as string[]).sort());
});

describe("a full disk", () => {
  const noSpace = new StateError("NO_SPACE", "injected", { details: { errno: "ENOSPC" } });
  const isLog = ({ operation, path }: FileCall): boolean => path.endsWith(".log") && ["createFile", "write", "sync"].includes(operation);

  test("fails a checkpoint whose log cannot be written; the job goes on and the next one holds everything", async () => {
    for (let index = 1; index < 4; index += 1) {
      const memory = new MemoryFileSystem();
      const lease = await leaseOn(memory);
      const store = await openStore(new FaultyFileSystem(memory, faultAt(index, { kind: "error", error: noSpace }, isLog)), {});
      for (let step = 0; step < 20; step += 1) change(store, step);
      await expect(checkpoint(store, lease, 1), `call ${index}`).rejects.toMatchObject({ code: "NO_SPACE" });
      change(store, 35);
      const state = dump(store);
      const restore = await checkpoint(store, lease, 2);
      await store.close();
      expect(dump(await openStore(memory, {}, { generation: 2, restore }))).toBe(state);
    }
  });

  test("rule 25: puts a durable store into a failed state for good, and what was committed comes back", async () => {
    for (const code of ["NO_SPACE", "IO"] as const) {
      for (let index = 2; index < 5; index += 1) {
        const memory = new MemoryFileSystem();
        const error = new StateError(code, "injected");
        const faulty = new FaultyFileSystem(memory, faultAt(index, { kind: "error", error }, isLog));
        const store = await openStore(faulty, { durability: "batch" });
        let committed = "";
        const run = async (): Promise<void> => {
          for (let batch = 0; batch < 6; batch += 1) {
            change(store, batch);
            const state = dump(store);
            await store.commit();
            committed = state;
          }
        };
        await expect(run(), `call ${index}`).rejects.toBe(error);
        const calls = [() => store.setCurrentKey("a"), () => store.getState(count), () => store.currentKey(), () => store.timers("event")];
        for (const call of calls) expect(codeOf(call)).toBe(code);
        await expect(store.commit()).rejects.toBe(error);
        await store.close();
        memory.crash();
        const again = await openStore(memory, { durability: "batch" });
        if (committed !== "") expect(dump(again)).toBe(committed);
      }
    }
  });

  test("too many changes without a commit are refused before they are made", async () => {
    const store = await openStore(new MemoryFileSystem(), { durability: "batch", pendingBytesMax: 1024 });
    let refused = -1;
    for (let step = 0; step < 100 && refused < 0; step += 1) {
      store.setCurrentKey("a");
      if (codeOf(() => store.getState(count).update(step)) === "NO_MEMORY") refused = step;
    }
    expect(refused).toBeGreaterThan(5);
    expect(store.getState(count).value()).toBe(refused - 1);
    await store.commit();
    store.getState(count).update(refused);
    expect(store.getState(count).value()).toBe(refused);
  });
});

describe("a durable log and a checkpoint", () => {
  const durable = { durability: "batch" } as const;

  test("the log goes on where the checkpoint ended, in one directory and in an empty one", async () => {
    const memory = new MemoryFileSystem();
    const lease = await leaseOn(memory);
    const store = await openStore(memory, durable);
    change(store, 0);
    const early = await checkpoint(store, lease, 1);
    const earlyState = dump(store);
    change(store, 2);
    await store.commit();
    const state = dump(store);
    await store.close();
    const second = await openStore(memory, durable, { generation: 2, restore: early });
    expect(dump(second), "the log's tail counts").toBe(state);
    change(second, 3);
    const late = await checkpoint(second, lease, 2);
    const lateState = dump(second);
    await second.close();
    await memory.removeDirectory("/state");
    const third = await openStore(memory, durable, { generation: 3, restore: early });
    expect(dump(third)).toBe(earlyState);
    change(third, 9);
    await third.commit();
    const thirdState = dump(third);
    await third.close();
    const fourth = await openStore(memory, durable, { generation: 4, restore: early });
    expect(dump(fourth), "a log that began at the checkpoint").toBe(thirdState);
    await fourth.close();
    await expect(openStore(memory, durable, { generation: 5, restore: late })).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
    await memory.removeDirectory("/state");
    expect(dump(await openStore(memory, durable, { generation: 6, restore: late }))).toBe(lateState);
  });

  test("one process opens a directory once; key groups must be the log's", async () => {
    const memory = new MemoryFileSystem();
    const backend = fsBackend({ directory: "/state", ...durable });
    const context = {
      job: "job", operator: "op", subtask: 0, generation: 1, keySerializer: string(), keyGroups: { first: 0, last: 7 }, maxParallelism: 8,
      fileSystem: memory, nowMs: () => 0,
    };
    const store = await backend.open(context);
    await expect(backend.open(context)).rejects.toMatchObject({ code: "DIRECTORY_IN_USE" });
    store.setCurrentKey("a");
    store.getState(count).update(1);
    await store.commit();
    await store.close();
    await expect(backend.open({ ...context, keyGroups: { first: 0, last: 3 } })).rejects.toMatchObject({ code: "FOREIGN_DIRECTORY" });
    await (await backend.open(context)).close();
  });
});

test("every-write on the operating system's files comes back without a checkpoint", async () => {
  const harness = await BackendHarness.create((directory) => fsBackend({ directory, durability: "every-write", segmentBytes: 1024 }), {
    keySerializer: string(),
  });
  try {
    await harness.open();
    for (let value = 0; value < 60; value += 1) {
      harness.state.setCurrentKey(`key-${value % 7}`);
      harness.state.getState(total).update(value);
    }
    await harness.close();
    await harness.open();
    expect([...harness.state.keys(total)].length).toBe(7);
    harness.state.setCurrentKey("key-3");
    expect(harness.state.getState(total).value()).toBe(59);
  } finally {
    await harness.dispose();
  }
});

test("bad options are refused with what is allowed", async () => {
  const bad: unknown[] = [
    { directory: "" }, {}, { directory: "d", durable: true }, { directory: "d", durability: "always" }, { directory: "d", segmentBytes: 1 },
    { directory: "d", materialise: { ratio: 0 } }, { directory: "d", materialise: { factor: 1 } }, { directory: "d", pendingBytesMax: "1" },
  ];
  for (const options of bad) {
    const code = codeOf(() => fsBackend(options as Parameters<typeof fsBackend>[0]));
    expect(code, JSON.stringify(options)).toBe("INVALID_CONFIGURATION");
  }
  const scratch = await openStore(new MemoryFileSystem(), {});
  await expect(scratch.commit()).rejects.toMatchObject({ code: "INVALID_CONFIGURATION" });
});

function codeOf(call: () => unknown): string {
  try {
    call();
    return "no error";
  } catch (error) {
    return isStateError(error) ? error.code : String(error);
  }
}

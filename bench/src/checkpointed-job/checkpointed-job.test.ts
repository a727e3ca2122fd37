import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyedStateBackend, KeyedStateContext, StateBackend } from "@tidemark/core/state";
import { memoryBackend } from "@tidemark/state-memory";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WrongResultError } from "../question.js";
import { CheckpointedJob } from "./checkpointed-job.js";

const keyCount = 50;
let directory = "";
let job: CheckpointedJob | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-job-test-"));
});
afterEach(async () => {
  await job?.dispose();
  await rm(directory, { recursive: true, force: true });
});

function jobOn(backend: StateBackend): CheckpointedJob {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  job = new CheckpointedJob({
    backend: () => backend, directory, keyCount, valueBytes: 64, seed: 1, isCopied: true, nowMs: () => performance.now(), nextTurn,
  });
  job.start();
  return job;
}

/** A backend whose handles do something else when they update. */
function faulty(change: (update: (value: unknown) => void, updates: number) => (value: unknown) => void): StateBackend {
  const backend = memoryBackend();
  let updates = 0;
  return {
    ...backend,
    open: async <K>(context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> => {
      const keyed = await backend.open(context);
      const getState = keyed.getState.bind(keyed);
      keyed.getState = (descriptor) => {
        const state = getState(descriptor) as unknown as { update(value: unknown): void; value(): unknown };
        const update = state.update.bind(state);
        return { value: () => state.value(), update: (value: unknown) => change(update, (updates += 1))(value) } as never;
      };
      return keyed;
    },
  };
}

test("changed bytes are those of distinct keys between two barriers", async () => {
  const running = jobOn(memoryBackend());
  await running.load();
  const first = await running.checkpoint();
  expect(first.changedBytes).toBe(keyCount * 72);
  expect(first.pauseMs).toBeGreaterThanOrEqual(0);
  expect((await running.checkpoint()).changedBytes).toBe(0);
  await running.update(10_000);
  expect((await running.checkpoint()).changedBytes).toBe(keyCount * 72);
});

test("a restore reads right values, also after several lives, and what no checkpoint holds is gone", async () => {
  const running = jobOn(memoryBackend());
  await running.load();
  await running.update(200);
  await running.checkpoint();
  for (let life = 0; life < 2; life += 1) {
    await running.crash();
    expect(await running.restore()).toBeGreaterThan(0);
    expect(await running.check(1_000)).toBe(keyCount);
  }
  await running.update(1);
  await running.crash();
  running.start();
  await expect(running.check(1_000)).rejects.toThrow("does not hold its value of version");
});

test("a lost update is found out", async () => {
  const running = jobOn(faulty((update, updates) => (updates === keyCount + 3 ? () => undefined : update)));
  await running.load();
  await running.update(10);
  await expect(running.check(keyCount)).rejects.toThrow(WrongResultError);
});

test("a changed byte is found out", async () => {
  const running = jobOn(
    faulty((update, updates) => (value) => {
      const changed = Uint8Array.from(value as Uint8Array);
      if (updates === 20) changed[40] = (changed[40] as number) ^ 1;
      update(changed);
    }),
  );
  await running.load();
  await expect(running.check(keyCount)).rejects.toThrow("key 19 does not hold its value of version 0");
});

test("what makes the job fail comes out instead of a wait for ever", async () => {
  const running = jobOn(
    faulty((update, updates) => {
      if (updates > 30) throw new Error("no more");
      return update;
    }),
  );
  await expect(running.load()).rejects.toThrow("no more");
});

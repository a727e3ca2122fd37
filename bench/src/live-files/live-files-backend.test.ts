import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { int64, listState, mapState, valueState } from "@tidemark/core/state";
import { SeededRandom } from "@tidemark/core/testing";
import { describe, expect, test } from "vitest";
import { filesIn } from "../checkpointed-job/directory-growth.js";
import { CheckpointedState } from "../state/checkpointed-state.js";
import { liveFilesBackend } from "./live-files-backend.js";
import type { UploadMode } from "./live-files-snapshots.js";

const keyCount = 3_000;

async function open(directory: string, mode: UploadMode) {
  const state = await CheckpointedState.open(liveFilesBackend(directory, mode), directory, int64(), () => 0);
  const { keyed } = state;
  const values = keyed.getState(valueState("value", int64()));
  const lists = keyed.getState(listState("list", int64()));
  const maps = keyed.getState(mapState("map", int64(), int64()));
  return { state, keyed, values, lists, maps };
}

/** What a key must hold. */
interface Expected {
  value: number | undefined;
  list: number[];
  readonly map: Map<number, number>;
}

describe.each(["full", "live-files"] as const)("checkpoints that upload %s", (mode) => {
  test.each([1, 2, 3])("hold what was written before their barrier, seed %i", async (seed) => {
    const directory = await mkdtemp(join(tmpdir(), "tidemark-live-files-test-"));
    const random = new SeededRandom(seed);
    const model = Array.from({ length: keyCount }, (): Expected => ({ value: undefined, list: [], map: new Map() }));
    try {
      const own = await open(directory, mode);
      const seen = new Set<string>();
      const uploaded: number[] = [];
      const change = (key: number, isKept: boolean): void => {
        own.keyed.setCurrentKey(key);
        const expected = model[key] as Expected;
        const number = random.below(1_000_000);
        switch (random.below(4)) {
          case 0:
            own.values.update(number);
            if (isKept) expected.value = number;
            break;
          case 1:
            own.lists.add(number);
            if (isKept) expected.list.push(number);
            break;
          case 2:
            own.maps.put(number % 5, number);
            if (isKept) expected.map.set(number % 5, number);
            break;
          default:
            own.values.clear();
            own.maps.clear();
            if (isKept) {
              expected.value = undefined;
              expected.map.clear();
            }
        }
      };
      for (let checkpoint = 0; checkpoint < 6; checkpoint += 1) {
        for (let index = 0; index < (checkpoint === 0 ? 30_000 : 200); index += 1) change(random.below(keyCount), true);
        const started = await (await own.state.begin()).fix();
        // What comes behind the last barrier is not in its checkpoint.
        if (checkpoint === 5) for (let index = 0; index < 500; index += 1) change(random.below(keyCount), false);
        await started.complete();
        // By name: files are hard links here, also those that are uploaded again.
        const added = (await filesIn(join(directory, "checkpoints"))).filter(({ path }) => path.endsWith(".sst") && !seen.has(path));
        for (const { path } of added) seen.add(path);
        uploaded.push(added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
      }
      await own.state.close();
      const [first = 0, second = 0] = uploaded;
      if (mode === "full") expect(second).toBeGreaterThan(first * 0.9);
      else expect(second).toBeLessThan(first / 2);

      const restored = await open(directory, mode);
      for (const [key, expected] of model.entries()) {
        restored.keyed.setCurrentKey(key);
        expect(restored.values.value() ?? undefined, `key ${key}`).toBe(expected.value);
        expect([...restored.lists.get()], `key ${key}`).toEqual(expected.list);
        expect(new Map(restored.maps.entries()), `key ${key}`).toEqual(expected.map);
      }
      await restored.state.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

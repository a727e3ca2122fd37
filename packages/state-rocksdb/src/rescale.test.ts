import { bytes, int32, listState, string, valueState } from "@tidemark/core/state";
import { ParallelHarness, SeededRandom } from "@tidemark/core/testing";
import { Database } from "@tidemark/rocksdb";
import { expect, onTestFinished, test, vi } from "vitest";
import { rocksdbBackend } from "./index.js";

const keyCount = 1_500;
const seen = listState("seen", string());
const value = valueState("value", bytes());

/** Column families made and not dropped since the last look. */
function watchFamilies(): () => number {
  // An empty one is made by importing nothing.
  const made = vi.spyOn(Database.prototype, "importSources");
  const dropped = vi.spyOn(Database.prototype, "dropColumnFamily");
  onTestFinished(() => void vi.restoreAllMocks());
  return () => {
    const count = made.mock.calls.length - dropped.mock.calls.length;
    made.mockClear();
    dropped.mockClear();
    return count;
  };
}

interface Expected {
  readonly seen: string[];
  value: string | undefined;
}

test("rule 23: 2->3->5->7->11->13->1: column families do not pile up, nothing is lost and nothing removed comes back", async () => {
  const seed = Number(process.env["TIDEMARK_SEED"] ?? 1);
  const random = new SeededRandom(seed);
  const families = watchFamilies();
  const harness = new ParallelHarness<number>({ keySerializer: int32(), maxParallelism: 64 });
  onTestFinished(() => harness.dispose());
  const backendOf = (directory: string): ReturnType<typeof rocksdbBackend> =>
    rocksdbBackend({ directory, memoryBudgetBytes: 4 * 2 ** 20, deltaRatio: random.below(2) === 0 ? 0.1 : 5 });
  const model = Array.from({ length: keyCount }, (): Expected => ({ seen: [], value: undefined }));
  let change = 0;
  const changeSome = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      const key = random.below(keyCount);
      const state = harness.at(key);
      const expected = model[key] as Expected;
      change += 1;
      switch (random.below(4)) {
        case 0:
          state.getState(seen).clear();
          state.getState(value).clear();
          expected.seen.length = 0;
          expected.value = undefined;
          break;
        case 1:
          state.getState(value).update(new TextEncoder().encode(`value ${change}`));
          expected.value = `value ${change}`;
          break;
        default:
          state.getState(seen).add(`${change}`);
          expected.seen.push(`${change}`);
      }
    }
  };
  const check = (): void => {
    for (const [key, expected] of model.entries()) {
      const state = harness.at(key);
      const found = state.getState(value).value();
      expect(found && new TextDecoder().decode(found), `seed ${seed}, key ${key}`).toBe(expected.value);
      expect(state.getState(seen).get(), `seed ${seed}, key ${key}`).toEqual(expected.seen);
    }
  };
  for (const parallelism of [2, 3, 5, 7, 11, 13, 1, 4]) {
    await harness.open(backendOf, parallelism);
    expect(families(), `at parallelism ${parallelism}`).toBe(parallelism);
    check();
    for (let checkpoint = 0; checkpoint < 3; checkpoint += 1) {
      changeSome(600);
      await harness.checkpoint();
    }
    check();
    await harness.close();
  }
});

test("rule 23: after a rescale compaction drops what other subtasks' key groups left in the files", async () => {
  const harness = new ParallelHarness<number>({ keySerializer: int32(), maxParallelism: 64 });
  onTestFinished(() => harness.dispose());
  const backendOf = (directory: string): ReturnType<typeof rocksdbBackend> =>
    rocksdbBackend({ directory, memoryBudgetBytes: 4 * 2 ** 20 });
  await harness.open(backendOf, 1);
  for (let key = 0; key < keyCount; key += 1) harness.at(key).getState(seen).add("one");
  await harness.checkpoint();
  await harness.close();
  const imported = vi.spyOn(Database.prototype, "importSources");
  onTestFinished(() => void vi.restoreAllMocks());
  await harness.open(backendOf, 2);
  let entries = 0;
  expect(imported.mock.contexts).toHaveLength(2);
  for (const [subtask, database] of (imported.mock.contexts as readonly Database[]).entries()) {
    const family = await (imported.mock.results[subtask]?.value as Promise<number>);
    await database.compactRange(family);
    const keyGroups = Array.from(database.iterator(family), ({ key }) => (key[0] as number) * 256 + (key[1] as number));
    const { first, last } = harness.contextOf(subtask).keyGroups;
    expect(keyGroups.filter((keyGroup) => keyGroup < first || keyGroup > last), `of subtask ${subtask}`).toEqual([]);
    entries += keyGroups.length;
  }
  expect(entries).toBe(keyCount);
});

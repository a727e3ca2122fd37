import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type AnyKey,
  int32,
  int64,
  listState,
  optional,
  readSavepointHeader,
  StateError,
  string,
  struct,
  valueState,
  writeSavepoint,
} from "../state/index.js";
import { NodeFileSystem } from "../storage/index.js";
import type { BackendFactory } from "./backend-harness.js";
import { codeOf, rejectionCodeOf } from "./error-code.js";
import { changeSomething, contentsOf, declareAll, sampleKeys, sampleKeySerializer, storedEntries, takeTimers } from "./every-kind.js";
import { ParallelHarness } from "./parallel-harness.js";
import { SeededRandom } from "./random.js";

export interface SavepointContractOptions {
  /** Random runs for each pair of backends; each has a seed of its own, from TIDEMARK_SEED (default 1) on. Default 3. */
  readonly randomRuns?: number;
}

const maxParallelism = 16;

/**
 * Takes savepoints with each of the backends and restores them into each: all pairs, a backend with itself included.
 * @example testSavepoints({ memory: () => memoryBackend(), rocksdb: (directory) => rocksdbBackend({ directory }) });
 */
export function testSavepoints(backends: Readonly<Record<string, BackendFactory>>, options: SavepointContractOptions = {}): void {
  describe("savepoints", () => {
    let harness: ParallelHarness<AnyKey>;
    beforeEach(() => {
      harness = new ParallelHarness({ keySerializer: sampleKeySerializer, maxParallelism });
    });
    afterEach(async () => await harness.dispose());

    for (const [fromName, from] of Object.entries(backends)) {
      for (const [toName, to] of Object.entries(backends)) {
        describe(`from ${fromName} into ${toName}`, () => {
          testPair(() => harness, from, to, options.randomRuns ?? 3);
        });
      }
      describe(`with ${fromName}`, () => {
        testWriting(() => harness, from);
        testRefusals(() => harness, from);
      });
    }
  });
}

const total = valueState("total", int64());
const seen = listState("seen", struct({ at: int32() }));
const seenLater = listState("seen", struct({ at: int64(), page: optional(string()) }));

function testPair(harness: () => ParallelHarness<AnyKey>, from: BackendFactory, to: BackendFactory, randomRuns: number): void {
  const runOnce = async (seed: number): Promise<void> => {
    const random = new SeededRandom(seed);
    const change = (count: number): void => {
      for (let done = 0; done < count; done += 1) changeSomething(harness(), random);
    };
    await harness().open(from, 1 + random.below(3));
    declareAll(harness());
    change(200);
    await harness().checkpoint();
    change(200);
    const contents = contentsOf(harness());
    const stored = storedEntries(harness());
    await harness().savepoint(() => change(50));
    await harness().close();
    // States that nobody declares are kept as they are, and go on into the next savepoint.
    await harness().open(to, 1 + random.below(3));
    expect(storedEntries(harness())).toEqual(stored);
    await harness().savepoint();
    await harness().close();
    await harness().open(to, 1 + random.below(3));
    expect(contentsOf(harness())).toEqual(contents);
    declareAll(harness());
    expect(storedEntries(harness())).toEqual(stored);
    change(100);
    const changed = contentsOf(harness());
    await harness().checkpoint();
    await harness().close();
    await harness().open(to, 2);
    expect(contentsOf(harness())).toEqual(changed);
    const timers = takeTimers(harness());
    await harness().savepoint();
    await harness().close();
    await harness().open(from, 2);
    expect(contentsOf(harness())).toEqual(changed);
    expect(takeTimers(harness())).toEqual([]);
    expect(timers.length).toBeGreaterThan(0);
  };

  test(`${randomRuns} runs of random operations come over exactly, timers too`, { timeout: 600_000 }, async () => {
    const first = Number(process.env["TIDEMARK_SEED"] ?? 1);
    for (let seed = first; seed < first + randomRuns; seed += 1) {
      try {
        await runOnce(seed);
      } catch (error) {
        throw new Error(`savepoints failed with seed ${seed}`, { cause: error });
      }
      await harness().dispose();
    }
  });

  test("timers, lists of several schemas, large and empty values come over", async () => {
    await harness().open(from, 2);
    for (const key of sampleKeys) {
      const state = harness().at(key);
      state.getState(seen).add({ at: 1 });
      state.timers("event").register(-5);
      state.timers("event").register(1_000_000_000_000);
    }
    harness().at("huge").getState(valueState("text", string())).update("x".repeat(3_000_000));
    await harness().checkpoint();
    await harness().close();
    await harness().open(from, 2);
    for (const key of sampleKeys) harness().at(key).getState(seenLater).add({ at: 2, page: "p" });
    await harness().savepoint();
    await harness().close();
    await harness().open(to, 3);
    expect(codeOf(() => harness().at("huge").getState(valueState("seen", string())))).toBe("STATE_INCOMPATIBLE");
    for (const key of sampleKeys) {
      const state = harness().at(key);
      expect(state.getState(seenLater).get()).toEqual([{ at: 1 }, { at: 2, page: "p" }]);
      expect([state.timers("event").delete(-5), state.timers("event").delete(-5)]).toEqual([true, false]);
    }
    expect(harness().at("huge").getState(valueState("text", string())).value()).toHaveLength(3_000_000);
    expect(takeTimers(harness())).toHaveLength(sampleKeys.length);
  });

  test("an empty savepoint is one", async () => {
    await harness().open(from, 2);
    await harness().savepoint();
    await harness().close();
    await harness().open(to, 3);
    expect(storedEntries(harness())).toEqual([]);
    expect(harness().at("user-1").getState(total).value()).toBeUndefined();
  });
}

function testWriting(harness: () => ParallelHarness<AnyKey>, backend: BackendFactory): void {
  const fill = (amount: number): void => {
    for (const key of sampleKeys) harness().at(key).getState(total).update(amount);
  };

  test("an aborted savepoint costs nothing: the next checkpoint has everything", async () => {
    await harness().open(backend, 2);
    fill(1);
    const abort = new AbortController();
    const reason = new StateError("CHECKPOINT_TIMEOUT", "aborted by the test");
    const aborted = harness().savepoint(() => {
      fill(2);
      abort.abort(reason);
    }, abort.signal);
    expect(await rejectionCodeOf(aborted)).toBe("CHECKPOINT_TIMEOUT");
    await harness().checkpoint(() => fill(3));
    await harness().savepoint(() => fill(4));
    for (const key of sampleKeys) expect(harness().at(key).getState(total).value()).toBe(4);
    await harness().close();
    await harness().open(backend, 2);
    for (const key of sampleKeys) expect(harness().at(key).getState(total).value()).toBe(3);
  });

  test("a backend may be closed under an export, and gives none afterwards", async () => {
    await harness().open(backend, 1);
    fill(1);
    const [state] = harness().subtasks;
    const exported = state?.exportEntries();
    const steps = exported?.entries(() => undefined)[Symbol.iterator]();
    steps?.next();
    await state?.close();
    const drain = (): void => {
      for (let step = steps?.next(); step?.done === false; step = steps?.next());
    };
    // What was read ahead may still come, but no end that looks like a whole export.
    expect(codeOf(drain)).toBe("DISPOSED");
    exported?.close();
    exported?.close();
    expect(codeOf(() => state?.exportEntries())).toBe("DISPOSED");
  });

  test("the file says whose it is without a manifest", async () => {
    await harness().open(backend, 2);
    fill(1);
    await harness().savepoint();
    const headers = await Promise.all((await harness().storedFiles()).map((path) => readSavepointHeader(new NodeFileSystem(), path)));
    expect(headers.map(({ operator, subtask, keyGroups }) => ({ operator, subtask, keyGroups }))).toEqual([
      { operator: "operator", subtask: 0, keyGroups: [0, 7] },
      { operator: "operator", subtask: 1, keyGroups: [8, 15] },
    ]);
    expect(headers[0]).toMatchObject({ maxParallelism, keys: sampleKeySerializer.keySnapshot() });
  });
}

function testRefusals(harness: () => ParallelHarness<AnyKey>, backend: BackendFactory): void {
  test("another max parallelism, other keys, missing key groups and damaged files are refused", async () => {
    await harness().open(backend, 2);
    for (const key of sampleKeys) harness().at(key).getState(total).update(1);
    await harness().savepoint();
    await harness().close();
    expect(await rejectionCodeOf(harness().open(backend, 1, { maxParallelism: 32 }))).toBe("MAX_PARALLELISM_MISMATCH");
    const strings = string() as unknown as typeof sampleKeySerializer;
    expect(await rejectionCodeOf(harness().open(backend, 1, { keySerializer: strings }))).toBe("STATE_INCOMPATIBLE");
    expect(await rejectionCodeOf(harness().open(backend, 1, { handles: (handles) => handles.slice(1) }))).toBe("CHECKPOINT_DAMAGED");
    const noFiles = harness().open(backend, 1, { handles: (handles) => handles.map((handle) => ({ ...handle, files: [] })) });
    expect(await rejectionCodeOf(noFiles)).toBe("CHECKPOINT_DAMAGED");
    const [path] = await harness().storedFiles();
    const fileSystem = new NodeFileSystem();
    const whole = await fileSystem.readFile(path as string);
    for (const position of [0, 30, whole.length >> 1, whole.length - 1]) {
      const flipped = whole.slice();
      flipped[position] = (flipped[position] as number) ^ 4;
      await replace(fileSystem, path as string, flipped);
      expect(await rejectionCodeOf(harness().open(backend, 1)), `byte ${position}`).toBe("CHECKPOINT_FILE_DAMAGED");
    }
    await replace(fileSystem, path as string, whole);
    await harness().open(backend, 1);
    expect(harness().at("user-1").getState(total).value()).toBe(1);
    const [closed, context] = [closedBackend(harness()), harness().contextOf(0)];
    expect(codeOf(() => writeSavepoint(closed, context, 99, neverUsed, new AbortController().signal))).toBe("DISPOSED");
  });
}

const unused = (): Promise<never> => Promise.reject(new Error("unused"));
const neverUsed = { generation: 1, addFile: unused, writeFile: unused };

function closedBackend(harness: ParallelHarness<AnyKey>): ParallelHarness<AnyKey>["subtasks"][number] {
  const state = harness.subtasks[0] as ParallelHarness<AnyKey>["subtasks"][number];
  void state.close();
  return state;
}

async function replace(fileSystem: NodeFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  await fileSystem.removeFile(path);
  const file = await fileSystem.createFile(path);
  await file.write(bytes);
  await file.close();
}

import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ByteWriter,
  type KeyedStateBackend,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  keyGroupOf,
  keyGroupRangeOf,
  type KeySerializer,
  murmur3,
  type RestoredState,
  StateError,
  subtaskOf,
  writeSavepoint,
} from "../state/index.js";
import {
  type CheckpointLease,
  directoryCheckpointStorage,
  type FileReference,
  type KeyedStateHandle,
  NodeFileSystem,
  type SnapshotFiles,
} from "../storage/index.js";
import type { BackendFactory } from "./backend-harness.js";
import { ManualClock } from "./manual-clock.js";

export interface ParallelHarnessOptions<K> {
  readonly keySerializer: KeySerializer<K>;
  readonly maxParallelism: number;
}

/** What open() may do differently from how the state was stored, to see it refused. */
export interface OpenChanges<K> extends Partial<ParallelHarnessOptions<K>> {
  /** Changes what is handed to the backends. */
  readonly handles?: (handles: readonly KeyedStateHandle[]) => readonly KeyedStateHandle[];
}

/**
 * One operator's keyed state in several subtasks, with real checkpoints and savepoints. Each open() may use another backend and another
 * parallelism; it restores what was stored last.
 */
export class ParallelHarness<K> {
  readonly directory = join(tmpdir(), `tidemark-parallel-${randomBytes(8).toString("hex")}`);
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly #options: ParallelHarnessOptions<K>;
  readonly #fileSystem = new NodeFileSystem();
  readonly #contexts: KeyedStateContext<K>[] = [];
  readonly #key = new ByteWriter();
  #subtasks: KeyedStateBackend<K>[] = [];
  #lease: CheckpointLease | undefined;
  #lives = 0;
  #nextId = 1;

  constructor(options: ParallelHarnessOptions<K>) {
    this.#options = options;
  }

  /** The backends that are open, by subtask. */
  get subtasks(): readonly KeyedStateBackend<K>[] {
    return this.#subtasks;
  }

  /** The context that a subtask was opened with. */
  contextOf(subtask: number): KeyedStateContext<K> {
    const context = this.#contexts[subtask];
    if (context === undefined) throw new StateError("INTERNAL", `there is no subtask ${subtask}`);
    return context;
  }

  /** Paths of the files in the newest checkpoint or savepoint. */
  async storedFiles(): Promise<readonly string[]> {
    const lease = await this.#acquire();
    if (lease.restorePoint === undefined) return [];
    return (await lease.readManifest(lease.restorePoint)).files.map((file) => lease.pathOf(file));
  }

  /** Starts a life with `parallelism` subtasks, restored from the newest checkpoint or savepoint if there is one. */
  async open(backendOf: BackendFactory, parallelism: number, changes: OpenChanges<K> = {}): Promise<void> {
    const lease = await this.#acquire();
    const backend = backendOf(join(this.directory, `state-${(this.#lives += 1)}`));
    const restore = await restoredState(lease, changes.handles ?? ((handles) => handles));
    const maxParallelism = changes.maxParallelism ?? this.#options.maxParallelism;
    this.#contexts.length = 0;
    for (let subtask = 0; subtask < parallelism; subtask += 1) {
      const context: KeyedStateContext<K> = {
        job: "contract",
        operator: "operator",
        subtask,
        generation: lease.generation,
        keySerializer: changes.keySerializer ?? this.#options.keySerializer,
        keyGroups: keyGroupRangeOf(subtask, parallelism, maxParallelism),
        maxParallelism,
        fileSystem: this.#fileSystem,
        nowMs: () => this.clock.nowMs(),
        ...(restore === undefined ? {} : { restore }),
      };
      this.#contexts.push(context);
      try {
        this.#subtasks.push(await backend.open(context));
      } catch (error) {
        await this.close();
        throw error;
      }
    }
  }

  /** The subtask that has a key, with that key as its current one. */
  at(key: K): KeyedStateBackend<K> {
    this.#key.reset();
    this.#options.keySerializer.writeKey(key, this.#key);
    const { maxParallelism } = this.#options;
    const keyGroup = keyGroupOf(murmur3(this.#key.bytes, 0, this.#key.length), maxParallelism);
    const state = this.#subtasks[subtaskOf(keyGroup, this.#subtasks.length, maxParallelism)];
    if (state === undefined) throw new StateError("INTERNAL", "open() was not called");
    state.setCurrentKey(key);
    return state;
  }

  /** A checkpoint in the backend's own format; `meanwhile` runs while it is written. */
  async checkpoint(meanwhile: () => void = () => undefined): Promise<void> {
    await this.#store(meanwhile, (state, _, id, files) => state.snapshot(id, files, new AbortController().signal));
  }

  /** The same as a savepoint. */
  async savepoint(meanwhile: () => void = () => undefined, signal: AbortSignal = new AbortController().signal): Promise<void> {
    const start = (state: KeyedStateBackend<K>, subtask: number, id: number, files: SnapshotFiles): Promise<KeyedStateSnapshot> =>
      Promise.resolve(writeSavepoint(state, this.contextOf(subtask), id, files, signal));
    await this.#store(meanwhile, start);
  }

  async close(): Promise<void> {
    for (const state of this.#subtasks) await state.close();
    this.#subtasks = [];
  }

  async dispose(): Promise<void> {
    await this.close();
    await this.#fileSystem.removeDirectory(this.directory);
    await this.#fileSystem.close();
  }

  async #acquire(): Promise<CheckpointLease> {
    const directory = join(this.directory, "checkpoints");
    await this.#fileSystem.makeDirectory(directory);
    const storage = directoryCheckpointStorage({ directory, fileSystem: this.#fileSystem, clock: { now: () => 0 } });
    this.#lease = await storage.acquire("contract");
    this.#nextId = this.#lease.highestId + 1;
    return this.#lease;
  }

  async #store(
    meanwhile: () => void,
    start: (state: KeyedStateBackend<K>, subtask: number, id: number, files: SnapshotFiles) => Promise<KeyedStateSnapshot>,
  ): Promise<void> {
    if (this.#lease === undefined) throw new StateError("INTERNAL", "open() was not called");
    const id = this.#nextId;
    this.#nextId += 1;
    const pending = await this.#lease.begin(id);
    try {
      const started: KeyedStateSnapshot[] = [];
      for (const [subtask, state] of this.#subtasks.entries()) started.push(await start(state, subtask, id, pending.files));
      const results = Promise.all(started.map(({ result }) => result));
      meanwhile();
      const stored = await results;
      const subtasks = stored.map(({ handle }, subtask) => ({ subtask, keyed: handle }));
      const files = new Map<string, FileReference>(stored.flatMap((each) => each.files.map((file) => [file.name, file])));
      const operators = [{ id: "operator", parallelism: subtasks.length, subtasks }];
      const { maxParallelism } = this.#options;
      await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism, records: 0, operators }, [...files.values()]);
    } catch (error) {
      for (const state of this.#subtasks) state.notifyCheckpointAborted(id);
      await pending.abort();
      throw error;
    }
    for (const state of this.#subtasks) state.notifyCheckpointComplete(id);
    await this.#lease.subsume(2);
  }
}

async function restoredState(
  lease: CheckpointLease,
  change: (handles: readonly KeyedStateHandle[]) => readonly KeyedStateHandle[],
): Promise<RestoredState | undefined> {
  if (lease.restorePoint === undefined) return undefined;
  const manifest = await lease.readManifest(lease.restorePoint);
  const files = new Map(manifest.files.map((file) => [file.name, file]));
  return {
    handles: change(manifest.operators.flatMap((operator) => operator.subtasks.flatMap((subtask) => subtask.keyed ?? []))),
    file: (name) => {
      const reference = files.get(name);
      if (reference === undefined) throw new StateError("CHECKPOINT_DAMAGED", `${name} is not in the manifest`);
      return { reference, path: lease.pathOf(reference) };
    },
  };
}

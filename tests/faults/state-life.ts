import { join } from "node:path";
import {
  ByteWriter, int32, type KeyedStateBackend, type KeyedStateSnapshot, keyGroupOf, keyGroupRangeOf, murmur3, type RestoredState, StateError,
  subtaskOf,
} from "@tidemark/core/state";
import {
  chainsOf, type CheckpointLease, type CheckpointReader, type CompletedCheckpoint, directoryCheckpointStorage, type FileReference,
  type FileSystem, type SubsumeReport,
} from "@tidemark/core/storage";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { applyStep, contentsOf, declareStates, keyOf } from "./steps.js";

export const jobName = "faults";
export const retained = 2;
const maxParallelism = 16;
const operator = "operator";

export interface LifePlace {
  /** Holds `checkpoints` and `state` unless those are given. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly checkpoints?: string;
  readonly state?: string;
}

export interface LifeOptions {
  readonly parallelism?: number;
  /** A new base as often as can be. Default true. */
  readonly isRebasing?: boolean;
}

export function checkpointsOf({ directory, checkpoints }: LifePlace): string {
  return checkpoints ?? join(directory, "checkpoints");
}

export function workingDirectoryOf({ directory, state }: LifePlace): string {
  return join(state ?? join(directory, "state"), jobName);
}

/** Reads the checkpoints that are there. */
export function readerOf(place: LifePlace): CheckpointReader {
  return storageOf(place).reader(jobName);
}

function storageOf(place: LifePlace): ReturnType<typeof directoryCheckpointStorage> {
  return directoryCheckpointStorage({ directory: checkpointsOf(place), fileSystem: place.fileSystem, clock: { now: () => 0 } });
}

/** One life of an operator with keyed state in RocksDB: restored, changed by steps that are counted, checkpointed. */
export class StateLife {
  readonly lease: CheckpointLease;
  readonly subtasks: readonly KeyedStateBackend<number>[];
  readonly restoredFrom: CompletedCheckpoint | undefined;
  steps: number;
  #nextId: number;
  readonly #key = new ByteWriter();

  private constructor(
    lease: CheckpointLease,
    subtasks: readonly KeyedStateBackend<number>[],
    restoredFrom: CompletedCheckpoint | undefined,
    steps: number,
  ) {
    this.lease = lease;
    this.subtasks = subtasks;
    this.restoredFrom = restoredFrom;
    this.steps = steps;
    this.#nextId = lease.highestId + 1;
  }

  /** Takes the lease and restores the newest checkpoint. */
  static async begin(place: LifePlace, options: LifeOptions = {}): Promise<StateLife> {
    const lease = await storageOf(place).acquire(jobName);
    const { subtasks, steps } = await openState(place, lease, lease.restorePoint, lease.generation, options);
    return new StateLife(lease, subtasks, lease.restorePoint, steps);
  }

  /** Does the next steps. */
  apply(count: number): void {
    const end = this.steps + count;
    for (; this.steps < end; this.steps += 1) applyStep(this.#at(keyOf(this.steps)), this.steps);
  }

  /** Takes a checkpoint; `meanwhile` runs while its files are written. On failure it is aborted and can be tried again. */
  async checkpoint(meanwhile: () => void = () => undefined): Promise<CompletedCheckpoint> {
    const id = this.#nextId;
    this.#nextId += 1;
    const pending = await this.lease.begin(id);
    const records = this.steps;
    let completed: CompletedCheckpoint;
    let files: Map<string, FileReference>;
    try {
      const results = Promise.all((await this.#snapshots(id, pending.files)).map(({ result }) => result));
      meanwhile();
      const stored = await results;
      const keyed = stored.map(({ handle }, subtask) => ({ subtask, keyed: handle }));
      files = new Map(stored.flatMap((each) => each.files.map((file) => [file.name, file])));
      const operators = [{ id: operator, parallelism: keyed.length, subtasks: keyed }];
      completed = await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism, records, operators }, [...files.values()]);
    } catch (error) {
      for (const state of this.subtasks) state.notifyCheckpointAborted(id);
      await pending.abort();
      throw error;
    }
    for (const state of this.subtasks) state.notifyCheckpointComplete(id);
    return completed;
  }

  /** A checkpoint whose files are written and that is given up then. */
  async abortedCheckpoint(): Promise<void> {
    const pending = await this.lease.begin(this.#nextId);
    this.#nextId += 1;
    await Promise.all((await this.#snapshots(pending.id, pending.files)).map(({ result }) => result));
    for (const state of this.subtasks) state.notifyCheckpointAborted(pending.id);
    await pending.abort();
  }

  /** Reads the bases of a checkpoint back, as a coordinator does, and deletes what is no longer needed. */
  async subsume(completed: CompletedCheckpoint): Promise<SubsumeReport> {
    const manifest = await this.lease.readManifest(completed);
    for (const file of manifest.files) await this.lease.verifyFile(file, "checksums");
    for (const chain of chainsOf(manifest)) this.lease.chainVerified(chain);
    return await this.lease.subsume(retained);
  }

  /** All state as text. Nothing may be done with the state after. */
  contents(): string {
    return contentsOf(this.subtasks);
  }

  async close(): Promise<void> {
    for (const state of this.subtasks) await state.close();
  }

  async #snapshots(id: number, files: Parameters<KeyedStateBackend<number>["snapshot"]>[1]): Promise<KeyedStateSnapshot[]> {
    const { signal } = new AbortController();
    return await Promise.all(this.subtasks.map((state) => state.snapshot(id, files, signal)));
  }

  #at(key: number): KeyedStateBackend<number> {
    this.#key.reset();
    int32().writeKey(key, this.#key);
    const keyGroup = keyGroupOf(murmur3(this.#key.bytes, 0, this.#key.length), maxParallelism);
    return this.subtasks[subtaskOf(keyGroup, this.subtasks.length, maxParallelism)] as KeyedStateBackend<number>;
  }
}

/** The state of a checkpoint, as text. Opens it in a working directory of its own and changes nothing else. */
export async function contentsAt(place: LifePlace, checkpoint: CompletedCheckpoint, parallelism: number): Promise<[string, number]> {
  const apart = { ...place, checkpoints: checkpointsOf(place), state: join(place.directory, "looked-at") };
  const { subtasks, steps } = await openState(apart, readerOf(place), checkpoint, checkpoint.generation, { parallelism });
  const contents = contentsOf(subtasks);
  for (const state of subtasks) await state.close();
  return [contents, steps];
}

async function openState(
  place: LifePlace,
  reader: CheckpointReader,
  checkpoint: CompletedCheckpoint | undefined,
  generation: number,
  { parallelism = 1, isRebasing = true }: LifeOptions,
): Promise<{ subtasks: KeyedStateBackend<number>[]; steps: number }> {
  const restored = checkpoint === undefined ? undefined : await restoredState(reader, checkpoint);
  const policy = isRebasing ? { deltaRatio: 0.5, deltasMax: 2 } : { deltaRatio: 1e6, deltasMax: 2 };
  const directory = place.state ?? join(place.directory, "state");
  const backend = rocksdbBackend({ directory, memoryBudgetBytes: 4 * 1024 * 1024, ...policy });
  const subtasks: KeyedStateBackend<number>[] = [];
  try {
    for (let subtask = 0; subtask < parallelism; subtask += 1) {
      const state = await backend.open({
        job: jobName,
        operator,
        subtask,
        generation,
        keySerializer: int32(),
        keyGroups: keyGroupRangeOf(subtask, parallelism, maxParallelism),
        maxParallelism,
        fileSystem: place.fileSystem,
        nowMs: () => 0,
        ...(restored === undefined ? {} : { restore: restored.state }),
      });
      subtasks.push(state);
      declareStates(state);
    }
  } catch (error) {
    for (const state of subtasks) await state.close();
    throw error;
  }
  return { subtasks, steps: restored?.steps ?? 0 };
}

async function restoredState(reader: CheckpointReader, checkpoint: CompletedCheckpoint): Promise<{ state: RestoredState; steps: number }> {
  const { files, operators, records } = await reader.readManifest(checkpoint);
  const byName = new Map(files.map((file) => [file.name, file]));
  const file = (name: string): { reference: FileReference; path: string } => {
    const reference = byName.get(name);
    if (reference === undefined) throw new StateError("CHECKPOINT_DAMAGED", `${name} is not in the manifest`);
    return { reference, path: reader.pathOf(reference) };
  };
  return { state: { handles: operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed ?? [])), file }, steps: records };
}

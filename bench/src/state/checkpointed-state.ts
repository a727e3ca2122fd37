import { join } from "node:path";
import type { KeyedStateBackend, KeyedStateResult, KeySerializer, StateBackend } from "@tidemark/core/state";
import { type CheckpointLease, directoryCheckpointStorage, NodeFileSystem } from "@tidemark/core/storage";
import { WrongResultError } from "../question.js";
import { restoredState } from "./restored-state.js";

/** As in Flink's own state benchmarks. */
export const keyGroupCount = 2;

/** Keyed state of one subtask with real checkpoints in a directory, without a job around it. */
export class CheckpointedState<K> {
  readonly keyed: KeyedStateBackend<K>;
  readonly #lease: CheckpointLease;
  #nextId: number;

  private constructor(keyed: KeyedStateBackend<K>, lease: CheckpointLease) {
    this.keyed = keyed;
    this.#lease = lease;
    this.#nextId = lease.highestId + 1;
  }

  /** Starts from the newest checkpoint in the directory, if there is one. */
  static async open<K>(
    backend: StateBackend,
    directory: string,
    keySerializer: KeySerializer<K>,
    nowMs: () => number,
  ): Promise<CheckpointedState<K>> {
    const fileSystem = new NodeFileSystem();
    const lease = await directoryCheckpointStorage({ directory: join(directory, "checkpoints"), fileSystem }).acquire("bench");
    const restore = await restoredState(lease);
    const keyed = await backend.open<K>({
      job: "bench",
      operator: "operator",
      subtask: 0,
      generation: lease.generation,
      keySerializer,
      keyGroups: { first: 0, last: keyGroupCount - 1 },
      maxParallelism: keyGroupCount,
      fileSystem,
      nowMs,
      ...(restore === undefined ? {} : { restore }),
    });
    return new CheckpointedState(keyed, lease);
  }

  /** Opens a checkpoint; fix() then fixes the contents, and the snapshot is written from there on. */
  async begin(): Promise<{ readonly fix: () => Promise<StartedSnapshot> }> {
    const id = this.#nextId++;
    const pending = await this.#lease.begin(id);
    const announce = async ({ handle, files }: KeyedStateResult): Promise<void> => {
      const operators = [{ id: "operator", parallelism: 1, subtasks: [{ subtask: 0, keyed: handle }] }];
      await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism: keyGroupCount, records: 0, operators }, files);
      this.keyed.notifyCheckpointComplete(id);
      await this.#lease.subsume(1);
    };
    return {
      fix: async () => {
        const { result } = await this.keyed.snapshot(id, pending.files, new AbortController().signal);
        // A failure is thrown by written(); until then it is not unhandled.
        result.catch(() => undefined);
        const written = async (): Promise<void> => {
          const { files } = await result;
          if (!files.some(({ sizeBytes }) => sizeBytes > 0)) throw new WrongResultError("the snapshot is empty");
        };
        return { written, complete: async () => announce(await result) };
      },
    };
  }

  async close(): Promise<void> {
    await this.keyed.close();
  }
}

/** A snapshot under way. */
export interface StartedSnapshot {
  /** Waits until all of its files are written: nothing that was put off is left. */
  written(): Promise<void>;
  /** Announces the checkpoint and removes the one before. */
  complete(): Promise<void>;
}

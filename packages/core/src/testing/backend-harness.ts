import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type KeyedStateBackend,
  type KeyedStateSnapshot,
  type KeySerializer,
  type RestoredState,
  type StateBackend,
  StateError,
} from "../state/index.js";
import {
  type CheckpointLease,
  type CompletedCheckpoint,
  directoryCheckpointStorage,
  type FileReference,
  NodeFileSystem,
  type PendingCheckpointFiles,
} from "../storage/index.js";

import { ManualClock } from "./manual-clock.js";

/** Makes the backend under test; local files go below `directory`. */
export type BackendFactory = (directory: string) => StateBackend;

export interface HarnessOptions<K> {
  readonly keySerializer: KeySerializer<K>;
  /** Default 128. */
  readonly maxParallelism?: number;
  readonly isDevelopment?: boolean;
}

/**
 * One operator's keyed state with real checkpoints on a real filesystem, without a job around it: what contract tests and
 * tests of other engines drive a backend with.
 */
export class BackendHarness<K> {
  readonly directory: string;
  /** Decides when state expires. */
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly #backendOf: BackendFactory;
  readonly #options: HarnessOptions<K>;
  readonly #fileSystem = new NodeFileSystem();
  #lease: CheckpointLease | undefined;
  #open: KeyedStateBackend<K> | undefined;
  #nextId = 1;

  private constructor(directory: string, backendOf: BackendFactory, options: HarnessOptions<K>) {
    this.directory = directory;
    this.#backendOf = backendOf;
    this.#options = options;
  }

  static async create<K>(backendOf: BackendFactory, options: HarnessOptions<K>): Promise<BackendHarness<K>> {
    const harness = new BackendHarness(join(tmpdir(), `tidemark-backend-${randomBytes(8).toString("hex")}`), backendOf, options);
    await harness.#fileSystem.makeDirectory(harness.directory);
    return harness;
  }

  /** The state opened last. */
  get state(): KeyedStateBackend<K> {
    if (this.#open === undefined) throw new StateError("INTERNAL", "open() was not called");
    return this.#open;
  }

  /** Starts a new life: fenced lease, state restored from the newest checkpoint if there is one. */
  async open(): Promise<KeyedStateBackend<K>> {
    const storage = directoryCheckpointStorage({
      directory: join(this.directory, "checkpoints"),
      fileSystem: this.#fileSystem,
      clock: { now: () => 0 },
    });
    const lease = await storage.acquire("contract");
    this.#lease = lease;
    this.#nextId = lease.highestId + 1;
    const maxParallelism = this.#options.maxParallelism ?? 128;
    const restore = lease.restorePoint === undefined ? undefined : await restored(lease, lease.restorePoint);
    this.#open = await this.#backendOf(join(this.directory, "state")).open<K>({
      job: "contract",
      operator: "operator",
      subtask: 0,
      generation: lease.generation,
      keySerializer: this.#options.keySerializer,
      keyGroups: { first: 0, last: maxParallelism - 1 },
      maxParallelism,
      fileSystem: this.#fileSystem,
      nowMs: () => this.clock.nowMs(),
      isDevelopment: this.#options.isDevelopment ?? false,
      ...(restore === undefined ? {} : { restore }),
    });
    return this.#open;
  }

  /** Takes and announces a checkpoint; `meanwhile` runs between the barrier and the end of the snapshot. */
  async checkpoint(meanwhile: () => void = () => undefined): Promise<readonly FileReference[]> {
    const { pending, snapshot, id } = await this.#begin(new AbortController().signal);
    meanwhile();
    const { handle, files } = await snapshot.result;
    const operators = [{ id: "operator", parallelism: 1, subtasks: [{ subtask: 0, keyed: handle }] }];
    const maxParallelism = this.#options.maxParallelism ?? 128;
    await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism, records: 0, operators }, files);
    this.state.notifyCheckpointComplete(id);
    await this.#lease?.subsume(2);
    return files;
  }

  /** Starts a checkpoint and gives it up: before or after the backend has written its files. */
  async abortedCheckpoint(when: "early" | "late", meanwhile: () => void = () => undefined): Promise<void> {
    const abort = new AbortController();
    const { pending, snapshot, id } = await this.#begin(abort.signal);
    meanwhile();
    if (when === "late") await snapshot.result;
    abort.abort(new StateError("CHECKPOINT_TIMEOUT", "aborted by the test"));
    this.state.notifyCheckpointAborted(id);
    await snapshot.result.catch(() => undefined);
    await pending.abort();
  }

  /** Ends this life without a last checkpoint. */
  async close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }

  async dispose(): Promise<void> {
    await this.close();
    await this.#fileSystem.removeDirectory(this.directory);
    await this.#fileSystem.close();
  }

  async #begin(signal: AbortSignal): Promise<{ pending: PendingCheckpointFiles; snapshot: KeyedStateSnapshot; id: number }> {
    if (this.#lease === undefined) throw new StateError("INTERNAL", "open() was not called");
    const id = this.#nextId++;
    const pending = await this.#lease.begin(id);
    const snapshot = await this.state.snapshot(id, pending.files, signal);
    snapshot.result.catch(() => undefined);
    return { pending, snapshot, id };
  }
}

async function restored(lease: CheckpointLease, checkpoint: CompletedCheckpoint): Promise<RestoredState> {
  const manifest = await lease.readManifest(checkpoint);
  const files = new Map(manifest.files.map((file) => [file.name, file]));
  return {
    handles: manifest.operators.flatMap((operator) => operator.subtasks.flatMap((subtask) => subtask.keyed ?? [])),
    file: (name) => {
      const reference = files.get(name);
      if (reference === undefined) throw new StateError("CHECKPOINT_DAMAGED", `${name} is not in the manifest`);
      return { reference, path: lease.pathOf(reference) };
    },
  };
}

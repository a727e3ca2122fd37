import {
  int64,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  listState,
  mapState,
  type RestoredState,
  StateError,
  string,
  valueState,
} from "@tidemark/core/state";
import {
  type CheckpointLease,
  directoryCheckpointStorage,
  type FaultyFileSystem,
  type FileSystem,
  type MemoryFileSystem,
  type SyncFileSystem,
  type WritableFile,
} from "@tidemark/core/storage";
import { fsBackend, type FsBackendOptions, type FsKeyedStateBackend } from "./index.js";

export const count = valueState("count", int64());
export const names = listState("names", string());
export const pages = mapState("pages", string(), int64());
export const keys = ["a", "b", "c"] as const;

/** Opens a store for strings; files are at "/state". */
export function openStore(
  fileSystem: FileSystem,
  options: Omit<FsBackendOptions, "directory">,
  context: Partial<KeyedStateContext<string>> = {},
): Promise<FsKeyedStateBackend<string>> {
  return fsBackend({ directory: "/state", ...options }).open<string>({
    job: "job",
    operator: "op",
    subtask: 0,
    generation: 1,
    keySerializer: string(),
    keyGroups: { first: 0, last: 7 },
    maxParallelism: 8,
    fileSystem,
    nowMs: () => 0,
    ...context,
  });
}

/** Everything a store holds for the keys of tests, as text. */
export function dump(store: FsKeyedStateBackend<string>): string {
  const all = keys.map((key) => {
    store.setCurrentKey(key);
    return [key, store.getState(count).value() ?? null, store.getState(names).get(), [...store.getState(pages).entries()]];
  });
  return JSON.stringify([...all, store.timers("event").nextTimeMs()]);
}

/** One change of some kind; `step` decides which. */
export function change(store: FsKeyedStateBackend<string>, step: number): void {
  store.setCurrentKey(keys[step % keys.length] as string);
  switch (step % 7) {
    case 0:
    case 1:
      store.getState(count).update(step);
      break;
    case 2:
      store.getState(names).add(`name-${step}`);
      break;
    case 3:
      store.getState(pages).put(`page-${step % 4}`, step);
      break;
    case 4:
      store.timers("event").register(1_000 - step);
      break;
    case 5:
      if (step % 2 === 0) store.getState(pages).clear();
      else store.timers("event").poll(1_000);
      break;
    default:
      store.getState(count).clear();
  }
}

/** Takes and announces a checkpoint, and gives back what a restore from it gets. */
export async function checkpoint(store: FsKeyedStateBackend<string>, lease: CheckpointLease, id: number): Promise<RestoredState> {
  const pending = await lease.begin(id);
  const snapshot: KeyedStateSnapshot = await store.snapshot(id, pending.files, new AbortController().signal);
  const { handle, files } = await snapshot.result;
  const operators = [{ id: "op", parallelism: 1, subtasks: [{ subtask: 0, keyed: handle }] }];
  await pending.complete({ kind: "checkpoint", createdAtMs: 0, maxParallelism: 8, records: 0, operators }, files);
  return {
    handles: [handle],
    file(name) {
      const reference = files.find((file) => file.name === name);
      if (reference === undefined) throw new StateError("INTERNAL", `${name} is not in the checkpoint`);
      return { reference, path: lease.pathOf(reference) };
    },
  };
}

export function leaseOn(fileSystem: FileSystem): Promise<CheckpointLease> {
  return directoryCheckpointStorage({ directory: "/checkpoints", fileSystem }).acquire("job");
}

/**
 * Blocking files in a MemoryFileSystem. Effects come with the next turn, so a test awaits settled() before it takes a call for done;
 * crashing is decided at the call.
 */
export class MemorySyncFileSystem implements SyncFileSystem {
  calls = 0;
  isCrashed = false;
  #work: Promise<unknown> = Promise.resolve();
  readonly #memory: MemoryFileSystem;
  readonly #crashAfter: number;
  readonly #other: FaultyFileSystem | undefined;

  constructor(memory: MemoryFileSystem, crashAfter = Infinity, other?: FaultyFileSystem) {
    this.#memory = memory;
    this.#crashAfter = crashAfter;
    this.#other = other;
  }

  async settled(): Promise<void> {
    await this.#work;
  }

  createFile(path: string) {
    let file: WritableFile | undefined;
    this.#call(async () => (file = await this.#memory.createFile(path)));
    return {
      write: (bytes: Uint8Array) => this.#call(async () => await file?.write(bytes)),
      sync: () => this.#call(async () => await file?.sync()),
      close: () => this.#call(async () => await file?.close()),
    };
  }

  syncDirectory(path: string): void {
    this.#call(() => this.#memory.syncDirectory(path));
  }

  #call(action: () => Promise<unknown>): void {
    if (this.isCrashed || this.#other?.isCrashed === true) throw crashed();
    this.calls += 1;
    this.#work = this.#work.then(action);
    if (this.calls <= this.#crashAfter) return;
    this.isCrashed = true;
    throw crashed();
  }
}

function crashed(): StateError {
  return new StateError("IO", "the process crashed here (injected by a test)");
}

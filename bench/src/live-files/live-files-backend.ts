import { join } from "node:path";
import {
  byteBackendState, ByteTimerQueue, KeyContext, type KeyedStateBackend, type KeyedStateContext, type KeyedStateSnapshot, type KeySerializer,
  monotonicClock, type NamespacedState, type StateBackend, type StateDescriptor, StateError, type StateExport, StateHandles, type StateOf,
  StateRegistry, type TimeDomain, type TimerQueue, timerStateIds, voidNamespace,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import { Database } from "@tidemark/rocksdb";
import { rocksdbBackend } from "@tidemark/state-rocksdb";
import { DirectStore } from "./direct-store.js";
import { LiveFilesSnapshots, type UploadMode } from "./live-files-snapshots.js";

/** As in our rocksdb backend, so that both sides of the comparison have files of the same size and the same memory. */
const targetFileBytes = 16 * 2 ** 20;
const budgetBytes = 256 * 2 ** 20;
const writeBuffers = 4;

/**
 * RocksDB the usual way, for comparison: every write goes into its memtable, and a checkpoint consists of its live table files. A
 * checkpoint of it is restored by our rocksdb backend.
 */
export function liveFilesBackend(directory: string, mode: UploadMode): StateBackend {
  return {
    name: "rocksdb",
    restoresBy: "link",
    open: async (context) =>
      context.restore === undefined
        ? LiveFilesBackend.create(directory, context, mode)
        : await rocksdbBackend({ directory: join(directory, "databases") }).open(context),
  };
}

class LiveFilesBackend<K> implements KeyedStateBackend<K> {
  readonly #operator: KeyedStateContext<K>;
  readonly #root: string;
  readonly #database: Database;
  readonly #family: number;
  readonly #context: KeyContext<K>;
  readonly #store: DirectStore;
  readonly #handles: StateHandles<K>;
  readonly #snapshots: LiveFilesSnapshots<K>;
  readonly #timers = new Map<number, ByteTimerQueue<K, unknown>>();

  private constructor(context: KeyedStateContext<K>, root: string, database: Database, columnFamily: number, mode: UploadMode) {
    this.#operator = context;
    this.#root = root;
    this.#database = database;
    this.#family = columnFamily;
    this.#context = new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism);
    this.#store = new DirectStore(database, columnFamily);
    const registry = new StateRegistry(context.stateIds);
    this.#handles = new StateHandles({
      registry,
      create: (descriptor, registered, namespaces) => byteBackendState(this.#store, this.#context, descriptor, registered, namespaces),
      nowMs: monotonicClock(context.nowMs),
      isDevelopment: false,
    });
    this.#snapshots = new LiveFilesSnapshots({ context, database, columnFamily, registry, mode, pins: join(root, "pins") });
  }

  static async create<K>(directory: string, context: KeyedStateContext<K>, mode: UploadMode): Promise<LiveFilesBackend<K>> {
    const root = join(directory, `${context.operator}-${context.subtask}-${context.generation}`);
    await context.fileSystem.makeDirectory(join(root, "pins"));
    const database = await Database.open(join(root, "database"), {
      blockCacheBytes: budgetBytes / 4,
      writeBufferSizeBytes: budgetBytes / 2 / writeBuffers,
      maxWriteBufferNumber: writeBuffers,
      columnFamilyOptions: { target_file_size_base: String(targetFileBytes) },
      errorIfExists: true,
    });
    const columnFamily = await database.createColumnFamily("state", "list-append");
    return new LiveFilesBackend(context, root, database, columnFamily, mode);
  }

  setCurrentKey(key: K): void {
    this.#context.set(key);
  }

  currentKey(): K {
    return this.#context.key;
  }

  clearCurrentKey(): void {
    this.#context.clear();
  }

  getState<D extends StateDescriptor>(descriptor: D): StateOf<D> {
    return this.#handles.get(descriptor);
  }

  getNamespacedState<N, D extends StateDescriptor>(descriptor: D, namespaces: KeySerializer<N>): NamespacedState<N, StateOf<D>> {
    return this.#handles.getNamespaced(descriptor, namespaces);
  }

  keys(descriptor: StateDescriptor): IterableIterator<K> {
    return this.#handles.backendState(descriptor).keys();
  }

  timers(domain: TimeDomain): TimerQueue<K> {
    return this.#timersOf(timerStateIds[domain], voidNamespace);
  }

  namespacedTimers<N>(domain: TimeDomain, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    return this.#timersOf(timerStateIds[`${domain}-namespaced`], namespaces);
  }

  async snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    return await this.#snapshots.start(checkpointId, files, signal);
  }

  exportEntries(): StateExport {
    throw new StateError("CHECKPOINT_DECLINED", "what the benchmark compares with takes no savepoints");
  }

  notifyCheckpointComplete(): void {
    // The files of the last checkpoint are known.
  }

  notifyCheckpointAborted(): void {
    // No checkpoint of the benchmark is aborted without ending the job.
  }

  stateSizeBytes(): number {
    return Number(this.#database.property(this.#family, "rocksdb.total-sst-files-size") ?? 0);
  }

  async close(): Promise<void> {
    this.#context.close();
    await this.#snapshots.close();
    await this.#database.close();
    await this.#operator.fileSystem.removeDirectory(this.#root);
  }

  #timersOf<N>(stateId: number, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    let queue = this.#timers.get(stateId);
    if (queue === undefined) {
      queue = new ByteTimerQueue(this.#store, this.#context, stateId, namespaces as KeySerializer<unknown>);
      this.#timers.set(stateId, queue);
    }
    return queue as unknown as TimerQueue<K, N>;
  }
}

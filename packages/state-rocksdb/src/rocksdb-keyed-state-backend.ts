import type { Database } from "@tidemark/rocksdb";
import {
  byteBackendState,
  ByteTimerQueue,
  KeyContext,
  type KeyedStateBackend,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  type KeySerializer,
  monotonicClock,
  type NamespacedState,
  type StateDescriptor,
  type StateExport,
  StateHandles,
  type StateOf,
  type StateRegistry,
  type TimeDomain,
  type TimerQueue,
  timerStateIds,
  voidNamespace,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import { translated } from "./errors.js";
import { RocksDBExport } from "./rocksdb-export.js";
import type { RestoredDatabase } from "./rocksdb-restore.js";
import { RocksDBSnapshots } from "./rocksdb-snapshot.js";
import { RocksDBStore } from "./rocksdb-store.js";
import { TtlCleanup } from "./ttl-cleanup.js";
import type { WorkingDirectory } from "./working-directory.js";

/** Keyed state in a RocksDB database of its own. */
export class RocksDBKeyedStateBackend<K> implements KeyedStateBackend<K> {
  readonly #operator: KeyedStateContext<K>;
  readonly #context: KeyContext<K>;
  readonly #database: Database;
  readonly #columnFamily: number;
  readonly #working: WorkingDirectory;
  readonly #store: RocksDBStore;
  readonly #registry: StateRegistry;
  readonly #handles: StateHandles<K>;
  readonly #timers = new Map<number, ByteTimerQueue<K, unknown>>();
  readonly #snapshots: RocksDBSnapshots<K>;
  readonly #ttlCleanup: TtlCleanup;
  #closed: Promise<void> | undefined;

  constructor(context: KeyedStateContext<K>, database: Database, working: WorkingDirectory, restored: RestoredDatabase) {
    const { columnFamily, registry, known } = restored;
    this.#operator = context;
    this.#context = new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism);
    this.#database = database;
    this.#columnFamily = columnFamily;
    this.#working = working;
    this.#registry = registry;
    this.#store = new RocksDBStore(database, columnFamily);
    const nowMs = monotonicClock(context.nowMs);
    this.#ttlCleanup = new TtlCleanup(database, columnFamily, nowMs);
    this.#handles = new StateHandles({
      registry,
      create: (descriptor, registered, namespaces) => {
        this.#ttlCleanup.add(descriptor, registered);
        return byteBackendState(this.#store, this.#context, descriptor, registered, namespaces);
      },
      nowMs,
      isDevelopment: context.isDevelopment ?? false,
    });
    this.#snapshots = new RocksDBSnapshots({ context, database, columnFamily, working, registry, known });
  }

  setCurrentKey(key: K): void {
    this.#context.set(key);
    this.#ttlCleanup.step();
  }

  currentKey(): K {
    return this.#context.key;
  }

  clearCurrentKey(): void {
    this.#context.clear();
  }

  getState<D extends StateDescriptor>(descriptor: D): StateOf<D> {
    this.#context.requireOpen();
    return this.#handles.get(descriptor);
  }

  getNamespacedState<N, D extends StateDescriptor>(descriptor: D, namespaces: KeySerializer<N>): NamespacedState<N, StateOf<D>> {
    this.#context.requireOpen();
    return this.#handles.getNamespaced(descriptor, namespaces);
  }

  keys(descriptor: StateDescriptor): IterableIterator<K> {
    this.#context.requireOpen();
    return this.#handles.backendState(descriptor).keys();
  }

  timers(domain: TimeDomain): TimerQueue<K> {
    return this.#timersOf(timerStateIds[domain], voidNamespace);
  }

  namespacedTimers<N>(domain: TimeDomain, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    return this.#timersOf(timerStateIds[`${domain}-namespaced`], namespaces);
  }

  async snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    this.#context.requireOpen();
    this.#ttlCleanup.advance();
    return await this.#snapshots.start(checkpointId, files, signal);
  }

  exportEntries(): StateExport {
    this.#context.requireOpen();
    return new RocksDBExport(this.#database, this.#columnFamily, this.#registry.describe());
  }

  notifyCheckpointComplete(): void {
    // Which files a checkpoint holds is known by their ids; there is nothing to hand over.
  }

  notifyCheckpointAborted(): void {
    // Uploads that were finished serve the next checkpoint.
  }

  stateSizeBytes(): number {
    if (this.#closed !== undefined) return 0;
    const property = (name: string): number => Number(this.#database.property(this.#columnFamily, name) ?? 0);
    return property("rocksdb.total-sst-files-size") + property("rocksdb.cur-size-all-mem-tables");
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #timersOf<N>(stateId: number, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    let queue = this.#timers.get(stateId);
    if (queue === undefined) {
      queue = new ByteTimerQueue(this.#store, this.#context, stateId, namespaces as KeySerializer<unknown>);
      this.#timers.set(stateId, queue);
    }
    return queue as unknown as TimerQueue<K, N>;
  }

  async #close(): Promise<void> {
    this.#context.close();
    await this.#snapshots.close();
    await translated(this.#database.close());
    await this.#operator.fileSystem.removeDirectory(this.#working.root);
  }
}

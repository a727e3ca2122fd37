import type { Database, TableMemory } from "@tidemark/rocksdb";
import {
  type BackendMetrics,
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
  StateError,
  type StateExport,
  StateHandles,
  type StateOf,
  type StateRegistry,
  storedKind,
  type TimeDomain,
  type TimerQueue,
  timerStateIds,
  voidNamespace,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import type { RebasePolicy } from "./checkpoint-chain.js";
import { asStateError, translated } from "./errors.js";
import type { DrainedLayer } from "./rocksdb-backing.js";
import { RocksDBExport } from "./rocksdb-export.js";
import type { RestoredDatabase } from "./rocksdb-restore.js";
import { readMetrics } from "./rocksdb-metrics.js";
import { RocksDBSnapshots } from "./rocksdb-snapshot.js";
import { TtlCleanup } from "./ttl-cleanup.js";
import type { WorkingDirectory } from "./working-directory.js";
import type { WriteBackCounters, WriteBackStore } from "./write-back/write-back-store.js";

export interface BackendParts {
  readonly database: Database;
  readonly memory: TableMemory;
  readonly store: WriteBackStore<DrainedLayer>;
  readonly working: WorkingDirectory;
  /** Resolves when what crashed attempts left is removed. */
  readonly cleaned: Promise<void>;
  readonly restored: RestoredDatabase;
  readonly policy: RebasePolicy;
  /** RocksDB counts what it does. */
  readonly hasStatistics: boolean;
}

/** Keyed state in a RocksDB database of its own, with a table in memory in front of it. */
export class RocksDBKeyedStateBackend<K> implements KeyedStateBackend<K> {
  readonly #operator: KeyedStateContext<K>;
  readonly #context: KeyContext<K>;
  readonly #parts: BackendParts;
  readonly #store: WriteBackStore<DrainedLayer>;
  readonly #registry: StateRegistry;
  readonly #handles: StateHandles<K>;
  readonly #timers = new Map<number, ByteTimerQueue<K, unknown>>();
  readonly #snapshots: RocksDBSnapshots<K>;
  readonly #ttlCleanup: TtlCleanup;
  #closed: Promise<void> | undefined;

  constructor(context: KeyedStateContext<K>, parts: BackendParts) {
    const { database, store, working, restored, policy } = parts;
    const { columnFamily, registry, chain } = restored;
    this.#operator = context;
    this.#context = new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism);
    this.#parts = parts;
    this.#registry = registry;
    this.#store = store;
    const nowMs = monotonicClock(context.nowMs);
    this.#ttlCleanup = new TtlCleanup(database, columnFamily, nowMs);
    this.#handles = new StateHandles({
      registry,
      create: (descriptor, registered, namespaces) => {
        this.#ttlCleanup.add(descriptor, registered);
        if (storedKind(descriptor) === "map") store.keepOrder(registered.id);
        return byteBackendState(store, this.#context, descriptor, registered, namespaces);
      },
      nowMs,
      isDevelopment: context.isDevelopment ?? false,
    });
    this.#snapshots = new RocksDBSnapshots({ context, database, columnFamily, working, registry, store, chain, policy }, restored.chainId);
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
    const { database, restored } = this.#parts;
    const { queue } = this.#store;
    const states = this.#registry.describe();
    const exported = new RocksDBExport(database, restored.columnFamily, this.#context.keyGroups, states, () => queue.wait());
    while (!queue.hasSlot) {
      if (queue.wait()) continue;
      const cause = queue.failure;
      throw new StateError("CHECKPOINT_DECLINED", "the state cannot be exported: earlier changes cannot be written to RocksDB", { cause });
    }
    this.#store.freeze(() => exported.begin()).catch((error: unknown) => exported.fail(error));
    return exported;
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#snapshots.notifyComplete(checkpointId);
  }

  notifyCheckpointAborted(): void {
    // What was drained or uploaded for it belongs to the next checkpoint.
  }

  stateSizeBytes(): number {
    if (this.#closed !== undefined) return 0;
    const { database, restored } = this.#parts;
    const size = Number(database.property(restored.columnFamily, "rocksdb.total-sst-files-size") ?? 0);
    return size + this.#store.counters().dirtyBytes;
  }

  /** What the write-back table did so far. */
  counters(): WriteBackCounters {
    return this.#store.counters();
  }

  metrics(): BackendMetrics {
    if (this.#closed !== undefined) return {};
    const { database, memory, restored, hasStatistics } = this.#parts;
    try {
      const [table, merges] = [this.#store.counters(), this.#snapshots.mergeCounters()];
      return { ...readMetrics(database, restored.columnFamily, hasStatistics, memory, table, merges) };
    } catch (error) {
      throw asStateError(error);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #timersOf<N>(stateId: number, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    let queue = this.#timers.get(stateId);
    if (queue === undefined) {
      this.#store.keepOrder(stateId);
      queue = new ByteTimerQueue(this.#store, this.#context, stateId, namespaces as KeySerializer<unknown>);
      this.#timers.set(stateId, queue);
    }
    return queue as unknown as TimerQueue<K, N>;
  }

  async #close(): Promise<void> {
    const { database, memory, working, cleaned } = this.#parts;
    this.#context.close();
    await this.#snapshots.close();
    await this.#store.queue.close();
    await translated(database.close());
    memory.close();
    await cleaned;
    await this.#operator.fileSystem.removeDirectory(working.root);
  }
}

import {
  type AnyStateDescriptor,
  ByteReader,
  ExpirySweep,
  type Freezable,
  fitsTable,
  heapBackendState,
  type HeapBackendState,
  HeapKeys,
  HeapTimerQueue,
  type KeyedStateBackend,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  KeyContext,
  type MemoryGuard,
  type KeySerializer,
  monotonicClock,
  type NamespacedState,
  type RegisteredState,
  type StateDescriptor,
  type StateExport,
  StateHandles,
  type StateOf,
  StateRegistry,
  tableBackendState,
  type TimeDomain,
  type TimerQueue,
  timerStateIds,
  voidNamespace,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import type { RestoredEntries, StoredEntries } from "./memory-restore.js";
import { MemorySnapshotWriter } from "./memory-snapshot-writer.js";

/** Keyed state in memory. A snapshot freezes every state at once and is written while changes go to overlays. */
export class MemoryKeyedStateBackend<K> implements KeyedStateBackend<K> {
  readonly #context: KeyContext<K>;
  readonly #registry: StateRegistry;
  readonly #handles: StateHandles<K>;
  readonly #contents: Freezable[] = [];
  readonly #timers = new Map<number, HeapTimerQueue<K, unknown>>();
  /** Restored entries of states that the job has not declared (yet): kept as they are, and part of every snapshot. */
  readonly #undeclared: Map<number, StoredEntries>;
  readonly #snapshots: MemorySnapshotWriter;
  readonly #sweep: ExpirySweep<K>;
  readonly #guard: MemoryGuard;

  /** `guard` is asked before state takes memory. */
  constructor(context: KeyedStateContext<K>, guard: MemoryGuard, restored: RestoredEntries | undefined) {
    this.#guard = guard;
    this.#context = new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism);
    this.#registry = restored?.registry ?? new StateRegistry(context.stateIds);
    const nowMs = monotonicClock(context.nowMs);
    this.#sweep = new ExpirySweep(nowMs);
    this.#handles = new StateHandles({
      registry: this.#registry,
      create: (descriptor, registered, namespaces) => this.#create(descriptor, registered, namespaces),
      nowMs,
      isDevelopment: context.isDevelopment ?? false,
    });
    this.#undeclared = restored?.entries ?? new Map<number, StoredEntries>();
    this.#snapshots = new MemorySnapshotWriter(context, this.#registry);
  }

  setCurrentKey(key: K): void {
    this.#context.set(key);
    this.#sweep.step();
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

  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    this.#context.requireOpen();
    return Promise.resolve(this.#snapshots.start(checkpointId, [...this.#contents], this.#undeclared, files, signal));
  }

  exportEntries(): StateExport {
    this.#context.requireOpen();
    return this.#snapshots.export([...this.#contents], this.#undeclared);
  }

  notifyCheckpointComplete(): void {
    // Every checkpoint is whole; nothing is kept for the next one.
  }

  notifyCheckpointAborted(): void {
    // The next snapshot holds everything anyway.
  }

  stateSizeBytes(): number {
    // Objects have no size to ask for; the last checkpoint's average entry gives an estimate.
    let entries = 0;
    for (const contents of this.#contents) entries += contents.size;
    return entries * this.#snapshots.averageEntryBytes;
  }

  async close(): Promise<void> {
    this.#context.close();
    await this.#snapshots.close();
  }

  #create(descriptor: AnyStateDescriptor, registered: RegisteredState, namespaces: KeySerializer<unknown>): HeapBackendState<K> {
    const guard = this.#guard;
    const state = fitsTable(descriptor)
      ? tableBackendState(this.#context, descriptor, registered, namespaces, {
          reserve: (extraBytes) => guard.reserve(extraBytes),
          heapChanges: guard,
        })
      : heapBackendState(this.#context, descriptor, registered, namespaces, guard);
    if (!fitsTable(descriptor)) this.#guard.watch(state.contents);
    this.#adopt(registered.id, state.contents);
    this.#sweep.add(descriptor, state.contents);
    return state;
  }

  #timersOf<N>(stateId: number, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    let queue = this.#timers.get(stateId);
    if (queue === undefined) {
      queue = new HeapTimerQueue(new HeapKeys(this.#context, stateId, namespaces as KeySerializer<unknown>, this.#guard));
      this.#timers.set(stateId, queue);
      this.#guard.watch(queue);
      this.#adopt(stateId, queue);
    }
    return queue as unknown as TimerQueue<K, N>;
  }

  /** Makes contents part of every snapshot, with what was restored of them. */
  #adopt(stateId: number, contents: Freezable): void {
    this.#contents.push(contents);
    const key = new ByteReader();
    const value = new ByteReader();
    for (const entry of this.#undeclared.get(stateId) ?? []) {
      key.reset(entry.key);
      value.reset(entry.value);
      this.#guard.addEntry(entry.key.length + entry.value.length);
      contents.restoreEntry(entry.keyGroup, key, value);
    }
    this.#undeclared.delete(stateId);
  }
}

import {
  type AnyStateDescriptor,
  ByteReader,
  HeapMapState,
  type HeapState,
  HeapTimerQueue,
  HeapValueState,
  type KeyedStateBackend,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  KeyContext,
  type RegisteredState,
  type StateDescriptor,
  StateHandles,
  type StateOf,
  StateRegistry,
  type TimeDomain,
  type TimerQueue,
  timerStateIds,
} from "@tidemark/core/state";
import type { SnapshotFiles } from "@tidemark/core/storage";
import { MemorySnapshotWriter } from "./memory-snapshot-writer.js";
import type { RestoredEntries, StoredEntries } from "./memory-restore.js";
import { sortKeys } from "./sort-keys.js";

type MemoryState<K> = HeapValueState<K, unknown> | HeapMapState<K, unknown, unknown>;

/** Keyed state on the heap. A snapshot freezes every state at once and is written while changes go to overlays. */
export class MemoryKeyedStateBackend<K> implements KeyedStateBackend<K> {
  readonly #context: KeyContext<K>;
  readonly #registry: StateRegistry;
  readonly #handles: StateHandles<MemoryState<K>>;
  readonly #timers: { readonly event: HeapTimerQueue<K>; readonly processing: HeapTimerQueue<K> };
  /** Restored entries of states that the job has not declared (yet): kept as they are, and part of every snapshot. */
  readonly #undeclared: Map<number, StoredEntries>;
  readonly #snapshots: MemorySnapshotWriter;

  constructor(context: KeyedStateContext<K>, restored: RestoredEntries | undefined) {
    this.#context = new KeyContext(context.keySerializer, context.keyGroups, context.maxParallelism);
    this.#registry = restored?.registry ?? new StateRegistry();
    this.#handles = new StateHandles(this.#registry, (descriptor, state) => this.#create(descriptor, state));
    this.#timers = {
      event: new HeapTimerQueue(this.#context, timerStateIds.event),
      processing: new HeapTimerQueue(this.#context, timerStateIds.processing),
    };
    this.#undeclared = restored?.entries ?? new Map<number, StoredEntries>();
    this.#takeRestored(timerStateIds.event, this.#timers.event);
    this.#takeRestored(timerStateIds.processing, this.#timers.processing);
    this.#snapshots = new MemorySnapshotWriter(context, this.#registry);
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
    this.#context.requireOpen();
    return this.#handles.get(descriptor);
  }

  keys(descriptor: StateDescriptor): IterableIterator<K> {
    this.#context.requireOpen();
    const state = this.#handles.handle(descriptor);
    return sortKeys(state instanceof HeapMapState ? state.stateKeys() : state.keys(), this.#context);
  }

  timers(domain: TimeDomain): TimerQueue<K> {
    return this.#timers[domain];
  }

  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    this.#context.requireOpen();
    return Promise.resolve(this.#snapshots.start(checkpointId, [...this.#states()], this.#undeclared, files, signal));
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
    for (const state of this.#states()) entries += state.size;
    return entries * this.#snapshots.averageEntryBytes;
  }

  async close(): Promise<void> {
    this.#context.close();
    await this.#snapshots.close();
  }

  *#states(): IterableIterator<HeapState> {
    yield* this.#handles.all();
    yield this.#timers.event;
    yield this.#timers.processing;
  }

  #create(descriptor: AnyStateDescriptor, state: RegisteredState): MemoryState<K> {
    const handle =
      descriptor.kind === "value"
        ? new HeapValueState<K, unknown>(this.#context, state.id, descriptor.value)
        : new HeapMapState<K, unknown, unknown>(this.#context, state.id, descriptor.key, descriptor.value);
    this.#takeRestored(state.id, handle);
    return handle;
  }

  #takeRestored(stateId: number, state: HeapState): void {
    const entries = this.#undeclared.get(stateId);
    if (entries === undefined) return;
    const key = new ByteReader();
    const value = new ByteReader();
    for (const entry of entries) {
      key.reset(entry.key);
      value.reset(entry.value);
      state.restoreEntry(entry.keyGroup, key, value);
    }
    this.#undeclared.delete(stateId);
  }
}

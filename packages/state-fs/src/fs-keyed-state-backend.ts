import {
  type AnyStateDescriptor,
  ByteReader,
  type EntryChanges,
  ExpirySweep,
  type Freezable,
  heapBackendState,
  type HeapBackendState,
  HeapKeys,
  HeapTimerQueue,
  type KeyContext,
  type KeyedStateBackend,
  type KeyedStateContext,
  type KeyedStateSnapshot,
  type KeySerializer,
  type MemoryGuard,
  monotonicClock,
  type NamespacedState,
  type RegisteredState,
  type StateDescriptor,
  StateError,
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
import type { Chain } from "./checkpoint-chain.js";
import { FsSnapshots, type MaterialiseOptions } from "./fs-snapshots.js";
import { guardedChanges } from "./guarded-changes.js";
import type { ChangeLog, Durability } from "./log/change-log.js";
import type { StoredEntries } from "./log/log-overlay.js";

/** Keyed state of the fs backend: with commit() for a store without a source that could be read again. */
export interface FsKeyedStateBackend<K> extends KeyedStateBackend<K> {
  /**
   * Resolves when every change before the call is on the disk: it is there after any crash. A crash keeps all changes up to a commit or
   * none of those behind it. Throws INVALID_CONFIGURATION with durability "checkpoint"; IO, NO_SPACE when writing failed: then the store
   * is in a failed state, each later call throws the same, and opening it again gives what was committed.
   */
  commit(): Promise<void>;
}

export interface FsParts<K> {
  readonly context: KeyedStateContext<K>;
  readonly keys: KeyContext<K>;
  /** Asked before state takes memory. */
  readonly guard: MemoryGuard;
  readonly directory: string;
  readonly logId: string;
  readonly log: ChangeLog;
  readonly durability: Durability;
  readonly registry: StateRegistry;
  readonly entries: Map<number, StoredEntries>;
  readonly chain: Chain | undefined;
  readonly materialise: Required<MaterialiseOptions>;
  /** Called once, at close(). */
  readonly onClose: () => Promise<void>;
}

/** Keyed state on the heap; each change also goes to a log, and checkpoints add what the log has got since the one before. */
export class HeapFsKeyedStateBackend<K> implements FsKeyedStateBackend<K> {
  readonly #parts: FsParts<K>;
  readonly #context: KeyContext<K>;
  readonly #handles: StateHandles<K>;
  readonly #contents: Freezable[] = [];
  readonly #timers = new Map<number, HeapTimerQueue<K, unknown>>();
  /** Restored entries of states that the job has not declared (yet): kept as they are, and part of every materialisation. */
  readonly #undeclared: Map<number, StoredEntries>;
  readonly #snapshots: FsSnapshots<K>;
  readonly #sweep: ExpirySweep<K>;
  readonly #changes: EntryChanges;
  #loggedStates: string;
  #closing: Promise<void> | undefined;

  constructor(parts: FsParts<K>) {
    const { context, registry, log } = parts;
    this.#parts = parts;
    this.#context = parts.keys;
    const nowMs = monotonicClock(context.nowMs);
    this.#sweep = new ExpirySweep(nowMs);
    this.#handles = new StateHandles({
      registry,
      create: (descriptor, registered, namespaces) => this.#create(descriptor, registered, namespaces),
      nowMs,
      isDevelopment: context.isDevelopment ?? false,
    });
    this.#undeclared = parts.entries;
    this.#changes = guardedChanges(parts.guard, log);
    this.#loggedStates = JSON.stringify(registry.describe());
    this.#snapshots = new FsSnapshots({ ...parts, contents: () => this.#contents, undeclared: this.#undeclared });
  }

  setCurrentKey(key: K): void {
    this.#context.set(key);
    this.#sweep.step();
    // In a batch, commit() alone decides what is acknowledged, and a materialisation commits.
    if (this.#parts.durability !== "batch") this.#snapshots.materialiseIfLarge();
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

  async commit(): Promise<void> {
    this.#context.requireOpen();
    if (this.#parts.durability === "checkpoint") {
      throw new StateError(
        "INVALID_CONFIGURATION",
        'commit() can promise nothing with durability "checkpoint": open the backend with "batch" or "every-write"',
      );
    }
    const committed = this.#parts.log.commit();
    this.#snapshots.materialiseIfLarge();
    await committed;
  }

  snapshot(_checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<KeyedStateSnapshot> {
    this.#context.requireOpen();
    return this.#snapshots.start(files, signal);
  }

  exportEntries(): StateExport {
    this.#context.requireOpen();
    return this.#snapshots.export();
  }

  notifyCheckpointComplete(): void {
    // Files belong to the log and not to a checkpoint: a materialisation decides what goes.
  }

  notifyCheckpointAborted(): void {
    // Its segments are part of the next one.
  }

  stateSizeBytes(): number {
    return this.#snapshots.stateSizeBytes;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#context.close();
    // The log first: it answers for what snapshots wait for.
    await this.#parts.log.close();
    await this.#snapshots.close();
    await this.#parts.onClose();
  }

  #create(descriptor: AnyStateDescriptor, registered: RegisteredState, namespaces: KeySerializer<unknown>): HeapBackendState<K> {
    const states = this.#parts.registry.describe();
    const text = JSON.stringify(states);
    if (text !== this.#loggedStates) this.#parts.log.states(states);
    this.#loggedStates = text;
    const state = heapBackendState(this.#context, descriptor, registered, namespaces, this.#changes);
    this.#adopt(registered.id, state.contents);
    this.#sweep.add(descriptor, state.contents);
    return state;
  }

  #timersOf<N>(stateId: number, namespaces: KeySerializer<N>): TimerQueue<K, N> {
    this.#context.requireOpen();
    let queue = this.#timers.get(stateId);
    if (queue === undefined) {
      queue = new HeapTimerQueue(new HeapKeys(this.#context, stateId, namespaces as KeySerializer<unknown>, this.#changes));
      this.#timers.set(stateId, queue);
      this.#adopt(stateId, queue);
    }
    return queue as unknown as TimerQueue<K, N>;
  }

  /** Makes contents part of every materialisation, with what was restored of them. */
  #adopt(stateId: number, contents: Freezable): void {
    this.#contents.push(contents);
    this.#parts.guard.watch(contents);
    const key = new ByteReader();
    const value = new ByteReader();
    for (const entry of this.#undeclared.get(stateId) ?? []) {
      key.reset(entry.key);
      value.reset(entry.value);
      this.#parts.guard.addEntry(entry.key.length + entry.value.length);
      contents.restoreEntry(entry.keyGroup, key, value);
    }
    this.#undeclared.delete(stateId);
  }
}

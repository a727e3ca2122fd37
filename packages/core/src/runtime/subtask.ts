import type { JobSnapshot } from "../checkpoint/index.js";
import { isStateError, StateError } from "../errors/index.js";
import type { KeyedProcessOperator, SinkWriter } from "../operators/index.js";
import type { BackendMetrics, KeyedStateBackend, KeyedStateSnapshot, OperatorStateIdRegistry } from "../state/index.js";
import type { FileReference, Json, KeyedStateHandle, OperatorState, OperatorStateIds, SnapshotFiles } from "../storage/index.js";
import type { Clock } from "../time/index.js";
import type { Latch } from "./latch.js";
import type { SourceTask } from "./source-task.js";

/** Longest time the loop works before timers and I/O of the process get a turn. */
const sliceMs = 8;

export interface SubtaskParts {
  readonly index: number;
  readonly clock: Clock;
  /** Lets timers and I/O run, then resolves. */
  readonly yieldTurn: () => Promise<void>;
  readonly latch: Latch;
  readonly sources: readonly SourceTask[];
  readonly keyed: readonly KeyedProcessOperator<unknown, unknown, unknown>[];
  readonly backends: ReadonlyMap<string, KeyedStateBackend<unknown>>;
  readonly sinks: ReadonlyMap<string, SinkWriter<unknown>>;
  /** Ids of the states of each operator that has a backend. */
  readonly stateIds: ReadonlyMap<string, OperatorStateIdRegistry>;
}

/** Figures of the keyed state of one operator and subtask. */
export interface OperatorMetrics {
  readonly operator: string;
  readonly subtask: number;
  readonly stateSizeBytes: number;
  /** The backend's own figures by name; empty where it has none. */
  readonly backend: BackendMetrics;
}

interface BarrierRequest {
  readonly checkpointId: number;
  readonly files: SnapshotFiles;
  readonly signal: AbortSignal;
  readonly resolve: (snapshot: JobSnapshot) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The loop of one subtask: batches from its sources, timers, and between two batches barriers. Barriers meet every
 * operator at the same record, because nothing else runs meanwhile.
 */
export class Subtask {
  readonly #parts: SubtaskParts;
  readonly #barriers: BarrierRequest[] = [];
  #isStopping = false;
  /** False before the loop and after it: a barrier then is handled at once. */
  #isRunning = false;
  #cancelWakeUp: (() => void) | undefined;

  constructor(parts: SubtaskParts) {
    this.#parts = parts;
  }

  get records(): number {
    return this.#parts.sources.reduce((sum, source) => sum + source.records, 0);
  }

  /** Records in all inputs; undefined when an input does not know. */
  get totalRecords(): number | undefined {
    let total = 0;
    for (const source of this.#parts.sources) {
      if (source.totalRecords === undefined) return undefined;
      total += source.totalRecords;
    }
    return total;
  }

  /** What each backend says of itself. */
  backendMetrics(): OperatorMetrics[] {
    return [...this.#parts.backends].map(([operator, backend]) => ({
      operator,
      subtask: this.#parts.index,
      stateSizeBytes: backend.stateSizeBytes(),
      backend: backend.metrics?.() ?? {},
    }));
  }

  get stateSizeBytes(): number {
    let bytes = 0;
    for (const backend of this.#parts.backends.values()) bytes += backend.stateSizeBytes();
    return bytes;
  }

  /** Processes input until it ends ("ended") or requestStop() was called ("stopped"). */
  async run(): Promise<"ended" | "stopped"> {
    this.#isRunning = true;
    try {
      return await this.#loop();
    } finally {
      this.#cancelWakeUp?.();
      this.#isRunning = false;
    }
  }

  async #loop(): Promise<"ended" | "stopped"> {
    const { clock, latch, sources } = this.#parts;
    let sliceStartMs = clock.nowMs();
    let end: "ended" | "stopped" | undefined;
    for (;;) {
      // Also before the loop ends: a barrier that came while a sink was slow would never be handled.
      for (let request = this.#barriers.shift(); request !== undefined; request = this.#barriers.shift()) await this.#barrier(request);
      if (this.#isStopping) end ??= "stopped";
      if (end !== undefined) {
        // At once, not when the caller wakes up: from here on a barrier is handled where it comes in.
        this.#isRunning = false;
        return end;
      }
      const hasRead = this.#stepSources();
      const hasWorked = this.#fireTimers() || hasRead;
      for (const sink of this.#parts.sinks.values()) await sink.drain();
      if (sources.every((source) => source.hasEnded)) {
        end = "ended";
        continue;
      }
      if (!hasWorked) {
        this.#scheduleWakeUp();
        await latch.wait();
      } else if (clock.nowMs() - sliceStartMs < sliceMs) continue;
      await this.#parts.yieldTurn();
      sliceStartMs = clock.nowMs();
    }
  }

  /** Ends the loop after the current batch. */
  requestStop(): void {
    this.#isStopping = true;
    this.#parts.latch.wake();
  }

  /** Puts a barrier behind the current batch. Resolves when every operator has stored its state. */
  snapshot(checkpointId: number, files: SnapshotFiles, signal: AbortSignal): Promise<JobSnapshot> {
    return new Promise((resolve, reject) => {
      const request = { checkpointId, files, signal, resolve, reject };
      if (!this.#isRunning) {
        void this.#barrier(request);
        return;
      }
      this.#barriers.push(request);
      this.#parts.latch.wake();
    });
  }

  notifyComplete(checkpointId: number): void {
    for (const backend of this.#parts.backends.values()) backend.notifyCheckpointComplete(checkpointId);
  }

  async commitSinks(checkpointId: number): Promise<void> {
    for (const sink of this.#parts.sinks.values()) await sink.notifyCheckpointComplete(checkpointId);
  }

  chainDamaged(chain: string): boolean {
    return [...this.#parts.backends.values()].some((backend) => backend.notifyChainDamaged?.(chain) === true);
  }

  notifyAborted(checkpointId: number): void {
    for (const backend of this.#parts.backends.values()) backend.notifyCheckpointAborted(checkpointId);
  }

  /** Publishes what the sinks hold: the input ended and all of it is in a completed checkpoint. */
  async finishSinks(): Promise<void> {
    for (const sink of this.#parts.sinks.values()) await sink.finish();
  }

  /** Releases everything; the first error comes out, after all were closed. */
  async close(): Promise<void> {
    this.#cancelWakeUp?.();
    const stopped = new StateError("CHECKPOINT_DECLINED", "the job stopped before the barrier reached it");
    for (const request of this.#barriers.splice(0)) request.reject(stopped);
    const closing = [...this.#parts.sources, ...this.#parts.sinks.values(), ...this.#parts.backends.values()];
    for (const operator of this.#parts.keyed) operator.close();
    const results = await Promise.allSettled(closing.map((part) => part.close()));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #stepSources(): boolean {
    let hasWorked = false;
    for (const source of this.#parts.sources) if (!source.hasEnded && source.step()) hasWorked = true;
    return hasWorked;
  }

  #fireTimers(): boolean {
    let hasFired = false;
    const nowMs = this.#parts.clock.nowMs();
    for (const operator of this.#parts.keyed) {
      if (operator.nextProcessingTimeMs() > nowMs) continue;
      operator.advanceProcessingTime(nowMs);
      hasFired = true;
    }
    return hasFired;
  }

  /** Makes the loop wake when the next processing-time timer is due. */
  #scheduleWakeUp(): void {
    this.#cancelWakeUp?.();
    this.#cancelWakeUp = undefined;
    const dueMs = Math.min(...this.#parts.keyed.map((operator) => operator.nextProcessingTimeMs()));
    if (dueMs === Infinity) return;
    this.#cancelWakeUp = this.#parts.clock.schedule(dueMs - this.#parts.clock.nowMs(), () => this.#parts.latch.wake());
  }

  /** The synchronous part: returns once records may flow again. The rest of the snapshot goes on behind it. */
  async #barrier(request: BarrierRequest): Promise<void> {
    const { checkpointId, files, signal } = request;
    const { clock, sources, sinks, backends } = this.#parts;
    try {
      signal.throwIfAborted();
      const startMs = clock.nowMs();
      const records = this.records;
      const connectors = new Map<string, Promise<Json> | Json>();
      for (const source of sources) connectors.set(source.id, { position: source.position, records: source.records });
      for (const [id, sink] of sinks) connectors.set(id, watched(sink.snapshot(checkpointId)));
      const keyed = new Map<string, KeyedStateSnapshot>();
      // At the barrier, like the contents: states declared later belong to the next checkpoint.
      const stateIds = new Map([...this.#parts.stateIds].map(([id, ids]) => [id, ids.describe()]));
      const opening = [...backends].map(async ([id, backend]) => {
        const snapshot = await backend.snapshot(checkpointId, files, signal);
        watched(snapshot.result);
        keyed.set(id, snapshot);
      });
      for (const result of await Promise.allSettled(opening)) if (result.status === "rejected") throw result.reason;
      const pauseMs = clock.nowMs() - startMs;
      this.#gather(connectors, keyed, stateIds).then((parts) => request.resolve({ ...parts, records, pauseMs }), request.reject);
    } catch (error) {
      request.reject(
        isStateError(error)
          ? error
          : new StateError("CHECKPOINT_FAILED", `checkpoint ${checkpointId} failed at the barrier`, { cause: error }),
      );
    }
  }

  async #gather(
    connectors: ReadonlyMap<string, Promise<Json> | Json>,
    keyed: ReadonlyMap<string, KeyedStateSnapshot>,
    stateIds: ReadonlyMap<string, OperatorStateIds>,
  ): Promise<{ operators: OperatorState[]; files: FileReference[] }> {
    const operators: OperatorState[] = [];
    const files: FileReference[] = [];
    for (const [id, connector] of connectors) operators.push(this.#operatorState(id, { connector: await connector }));
    for (const [id, snapshot] of keyed) {
      const result = await snapshot.result;
      const ids = stateIds.get(id);
      operators.push({ ...this.#operatorState(id, { keyed: result.handle }), ...(ids === undefined ? {} : { stateIds: ids }) });
      files.push(...result.files);
    }
    return { operators, files };
  }

  #operatorState(id: string, state: { connector: Json } | { keyed: KeyedStateHandle }): OperatorState {
    return { id, parallelism: 1, subtasks: [{ subtask: this.#parts.index, ...state }] };
  }
}

/** The same promise; its rejection is handled even when nobody gets to wait for it. */
function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

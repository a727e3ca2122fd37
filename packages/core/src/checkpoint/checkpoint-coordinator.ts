import { isStateError, StateError } from "../errors/index.js";
import type { CheckpointLease, CompletedCheckpoint, FileReference, PendingCheckpointFiles } from "../storage/index.js";
import type { Clock } from "../time/index.js";
import { BackgroundVerification, type RestoredFacts } from "./background-verification.js";
import type { CheckpointSettings } from "./checkpoint-config.js";
import type { CheckpointFailure, CheckpointListener, CheckpointReport } from "./checkpoint-events.js";
import { CommitGate } from "./commit-gate.js";
import { describeCompleted } from "./describe-checkpoint.js";
import type { Logger } from "./logger.js";
import type { CheckpointParticipant, JobSnapshot } from "./participant.js";

export interface CoordinatorParts {
  readonly settings: CheckpointSettings;
  readonly lease: CheckpointLease;
  readonly participant: CheckpointParticipant;
  readonly maxParallelism: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listeners: readonly CheckpointListener[];
  /** Files of the checkpoint that the job was restored from: not new when the next one names them. */
  readonly restoredFiles: readonly FileReference[];
  /** Absent when the job started from nothing. */
  readonly restored?: RestoredFacts;
  /** The job cannot go on: too many failures in a row, or a newer coordinator took over. */
  readonly fail: (error: StateError) => void;
}

export interface TriggerOptions {
  /** The id the checkpoint gets; must be above every one before. */
  readonly id?: number;
}

interface Request {
  readonly kind: "checkpoint" | "final";
  readonly id: number | undefined;
  readonly resolve: (report: CheckpointReport) => void;
  readonly reject: (error: StateError) => void;
}

interface Taken {
  readonly report: CheckpointReport;
  readonly snapshot: JobSnapshot;
}

/** "idle" waits for the interval or a trigger; "pending" has one checkpoint under way; "stopped" is for good. */
type CoordinatorState = "idle" | "pending" | "stopped";

/**
 * Starts checkpoints by interval and on demand, one at a time, and completes each by winning its commit slot. A failed one is
 * aborted and cleaned up and the job goes on; what it would have held is in the next.
 */
export class CheckpointCoordinator {
  readonly #parts: CoordinatorParts;
  readonly #queue: Request[] = [];
  #state: CoordinatorState = "idle";
  #nextId: number;
  #failuresInARow = 0;
  #knownFiles: ReadonlySet<string>;
  #cancelTimer: (() => void) | undefined;
  /** Resolves once the checkpoint under way, if any, has ended. */
  #pending: Promise<void> = Promise.resolve();
  #abort: AbortController | undefined;
  readonly #verification: BackgroundVerification;
  readonly #commits: CommitGate;
  #restoreVerified: Promise<void> = Promise.resolve();

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#nextId = parts.lease.highestId + 1;
    this.#knownFiles = new Set(parts.restoredFiles.map((file) => file.name));
    this.#commits = new CommitGate((parts.restored?.unverified.length ?? 0) === 0, (id) => parts.participant.commitSinks(id));
    this.#verification = new BackgroundVerification({
      ...parts,
      restored: parts.restored,
      bytesPerSecond: parts.settings.verifyBytesPerSecond,
      onDamage: (report) => this.#tell((listener) => listener.damageFound?.(report)),
      onDamagedChain: (chain) => parts.participant.chainDamaged(chain),
    });
  }

  /** Whether sinks may commit: everything that the job was restored from is whole. */
  get isRestoreVerified(): boolean {
    return this.#commits.isOpen;
  }

  /** Resolves once everything that the job was restored from is known to be whole; rejects with what is not. */
  get restoreVerified(): Promise<void> {
    return this.#restoreVerified;
  }

  /** Begins to take checkpoints by interval, and to read back what the restore did not. */
  start(): void {
    this.#restoreVerified = this.#settleRestore();
    this.#restoreVerified.catch(() => undefined);
    this.#scheduleNext(this.#parts.clock.nowMs());
  }

  /** Takes a checkpoint now, or right after the one under way. Rejects with CHECKPOINT_ID, CHECKPOINT_DECLINED or what made it fail. */
  trigger(options: TriggerOptions = {}, kind: "checkpoint" | "final" = "checkpoint"): Promise<CheckpointReport> {
    return new Promise((resolve, reject) => {
      if (this.#state === "stopped") {
        reject(new StateError("CHECKPOINT_DECLINED", "the job is stopping and takes no more checkpoints"));
        return;
      }
      if (options.id !== undefined && !(Number.isSafeInteger(options.id) && options.id >= this.#nextId)) {
        reject(
          new StateError("CHECKPOINT_ID", `checkpoint id ${options.id} cannot be used; it must be a whole number from ${this.#nextId} on`),
        );
        return;
      }
      this.#queue.push({ kind, id: options.id, resolve, reject });
      this.#runQueued();
    });
  }

  /** Takes no more checkpoints, aborts the one under way and waits until it has ended. Safe to call twice. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#cancelTimer?.();
    const declined = new StateError("CHECKPOINT_DECLINED", "the job stopped before the checkpoint could complete");
    for (const request of this.#queue.splice(0)) request.reject(declined);
    this.#abort?.abort(declined);
    this.#verification.stop();
    await this.#pending;
  }

  async #settleRestore(): Promise<void> {
    const { restored, fail } = this.#parts;
    if (restored?.ownCheckpoint !== undefined) await this.#commit(restored.ownCheckpoint);
    await this.#verification.restoredFiles();
    if (this.#commits.isOpen) return;
    try {
      await this.#commits.open();
    } catch (error) {
      fail(asCheckpointError(restored?.ownCheckpoint ?? 0, error));
    }
  }

  #runQueued(): void {
    if (this.#state !== "idle") return;
    const request = this.#queue.shift();
    if (request === undefined) return;
    this.#cancelTimer?.();
    this.#state = "pending";
    const startedMs = this.#parts.clock.nowMs();
    this.#pending = this.#run(request, startedMs).finally(() => {
      if (this.#state === "stopped") return;
      this.#state = "idle";
      this.#scheduleNext(startedMs);
      this.#runQueued();
    });
  }

  #scheduleNext(lastStartMs: number): void {
    this.#cancelTimer?.();
    const { settings, clock } = this.#parts;
    const intervalMs = settings.intervalMs();
    // Not longer than the interval where the clock was set back since.
    const leftMs = Math.min(lastStartMs + intervalMs - clock.nowMs(), intervalMs);
    const delayMs = Math.max(leftMs, settings.minPauseMs);
    this.#cancelTimer = clock.schedule(delayMs, () => {
      if (this.#state === "idle") void this.trigger().catch(() => undefined);
    });
  }

  async #run(request: Request, startedMs: number): Promise<void> {
    const id = Math.max(request.id ?? this.#nextId, this.#nextId);
    this.#nextId = id + 1;
    try {
      const { report, snapshot } = await this.#take(id, request.kind, startedMs);
      this.#failuresInARow = 0;
      this.#parts.logger.info({ checkpoint: report }, describeCompleted(report));
      this.#tell((listener) => listener.checkpointCompleted?.(report));
      await this.#notifyComplete(id);
      request.resolve(report);
      this.#verification.newBases(id, snapshot.operators, snapshot.files);
      await this.#subsume();
    } catch (error) {
      this.#failed(id, startedMs, asCheckpointError(id, error), request);
    }
  }

  async #take(id: number, kind: "checkpoint" | "final", startedMs: number): Promise<Taken> {
    const { lease, participant, clock, maxParallelism } = this.#parts;
    let pending: PendingCheckpointFiles | undefined;
    let completed: CompletedCheckpoint;
    let snapshot: JobSnapshot;
    try {
      pending = await lease.begin(id);
      snapshot = await this.#snapshot(id, pending);
      completed = await pending.complete(
        { kind, createdAtMs: startedMs, maxParallelism, records: snapshot.records, operators: snapshot.operators },
        snapshot.files,
      );
    } catch (error) {
      participant.notifyAborted(id);
      await pending?.abort();
      throw error;
    }
    return { report: this.#report(completed, kind, snapshot, clock.nowMs() - startedMs), snapshot };
  }

  /** Tells the job; an operator that cannot take a fact that is already announced cannot go on either. */
  async #notifyComplete(id: number): Promise<void> {
    try {
      this.#parts.participant.notifyComplete(id);
    } catch (error) {
      this.#parts.fail(asCheckpointError(id, error));
      return;
    }
    await this.#commit(id);
  }

  async #commit(id: number): Promise<void> {
    try {
      await this.#commits.commit(id);
    } catch (error) {
      this.#parts.fail(asCheckpointError(id, error));
    }
  }

  /** The participant's part, given up when it takes longer than the timeout. */
  async #snapshot(id: number, pending: PendingCheckpointFiles): Promise<JobSnapshot> {
    const { participant, settings, clock } = this.#parts;
    const abort = new AbortController();
    this.#abort = abort;
    const cancelTimeout = clock.schedule(settings.timeoutMs, () => {
      abort.abort(
        new StateError("CHECKPOINT_TIMEOUT", `checkpoint ${id} did not complete within ${settings.timeoutMs} ms; it was aborted`),
      );
    });
    const aborted = new Promise<never>((_, reject) => {
      abort.signal.addEventListener("abort", () => reject(abort.signal.reason as Error), { once: true });
    });
    try {
      const snapshot = participant.snapshot(id, pending.files, abort.signal);
      snapshot.catch(() => undefined);
      return await Promise.race([snapshot, aborted]);
    } catch (error) {
      // What the other operators still write is of no use; they need not go on.
      abort.abort(error);
      throw error;
    } finally {
      cancelTimeout();
      aborted.catch(() => undefined);
      this.#abort = undefined;
    }
  }

  #report(completed: CompletedCheckpoint, kind: "checkpoint" | "final", snapshot: JobSnapshot, durationMs: number): CheckpointReport {
    const known = this.#knownFiles;
    let newBytes = 0;
    let totalBytes = 0;
    for (const file of snapshot.files) {
      totalBytes += file.sizeBytes;
      if (!known.has(file.name)) newBytes += file.sizeBytes;
    }
    this.#knownFiles = new Set(snapshot.files.map((file) => file.name));
    return { id: completed.id, kind, durationMs, pauseMs: snapshot.pauseMs, newBytes, totalBytes, records: snapshot.records };
  }

  /** Deletes what is no longer needed. A failure here costs space, never a checkpoint; the next one tries again. */
  async #subsume(): Promise<void> {
    // What was only linked may be damaged; then an older checkpoint is the way back (rule 18).
    if (!this.#commits.isOpen) return;
    try {
      const { blockedBy } = await this.#parts.lease.subsume(this.#parts.settings.retain);
      if (blockedBy !== undefined) {
        this.#parts.logger.warn({ error: blockedBy }, `Old checkpoints stay, because nothing is deleted for safety: ${blockedBy.message}`);
      }
    } catch (error) {
      if (isStateError(error) && endsCoordinator(error)) {
        this.#parts.fail(error);
        return;
      }
      this.#parts.logger.warn({ error }, "old checkpoints could not be deleted; trying again after the next one");
    }
  }

  #failed(id: number, startedMs: number, error: StateError, request: Request): void {
    const { clock, logger, settings } = this.#parts;
    request.reject(error);
    if (this.#state === "stopped") return;
    const failure: CheckpointFailure = { id, durationMs: clock.nowMs() - startedMs, error };
    logger.warn(
      { checkpoint: id, code: error.code, error },
      `Checkpoint ${id} failed after ${Math.round(failure.durationMs)} ms: ${error.message}`,
    );
    this.#tell((listener) => listener.checkpointFailed?.(failure));
    if (endsCoordinator(error)) {
      this.#parts.fail(error);
      return;
    }
    this.#failuresInARow += 1;
    if (this.#failuresInARow > settings.tolerableFailures) {
      this.#parts.fail(
        new StateError(
          "CHECKPOINT_FAILED",
          `${this.#failuresInARow} checkpoints in a row failed, ${settings.tolerableFailures} are tolerated; the last: ${error.message}`,
          { cause: error },
        ),
      );
    }
  }

  #tell(event: (listener: CheckpointListener) => void): void {
    for (const listener of this.#parts.listeners) {
      try {
        event(listener);
      } catch (error) {
        this.#parts.logger.warn({ error }, "a checkpoint listener threw");
      }
    }
  }
}

/**
 * A newer coordinator took over, or it is not known whether the announcement of a checkpoint is on disk: only a restart,
 * which reads what is there, can go on.
 */
function endsCoordinator(error: StateError): boolean {
  return error.code === "COORDINATOR_FENCED" || error.details["isUnclear"] === true;
}

function asCheckpointError(id: number, error: unknown): StateError {
  if (isStateError(error)) return error;
  return new StateError("CHECKPOINT_FAILED", `checkpoint ${id} failed: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

import { CheckpointCoordinator, type CheckpointReport, type RestoredFacts, type TriggerOptions } from "../checkpoint/index.js";
import { isStateError, StateError } from "../errors/index.js";
import { type CheckpointLease, chainsOf } from "../storage/index.js";
import type { JobSettings } from "./job-options.js";
import type { JobProgram } from "./job-program.js";
import type { JobRestore, RestoreReport } from "./restore.js";
import { RestoreFinder } from "./restore-finder.js";
import type { OperatorMetrics, Subtask } from "./subtask.js";

/** How a job ended. */
export interface JobResult {
  /** "finished": the input ended and all sinks have published. "stopped": it was asked to stop and can be started again. */
  readonly status: "finished" | "stopped";
  /** Input records processed, over all lives of the job that its checkpoints connect. */
  readonly records: number;
  /** The checkpoint that this life was restored from. */
  readonly restoredFrom: number | undefined;
  /** Where that was, what was checked, and whether a newer one was damaged. */
  readonly restored: RestoreReport | undefined;
  /** The last checkpoint of this life. */
  readonly lastCheckpoint: CheckpointReport | undefined;
}

/** Figures of a running job. */
export interface JobMetrics {
  readonly records: number;
  /** Records in the whole input, where the sources know. */
  readonly totalRecords: number | undefined;
  readonly stateSizeBytes: number;
  /** One for each operator with keyed state; none before the state is open and after the job has ended. */
  readonly operators: readonly OperatorMetrics[];
  readonly restoredFrom: number | undefined;
  readonly restored: RestoreReport | undefined;
}

const finalAttempts = 3;
const finalRetryMs = 1_000;

/** One life of a job, from restore to close. */
export class JobExecution {
  /** Resolves when the job has ended and released everything; rejects with what made it fail. */
  readonly finished: Promise<JobResult>;
  readonly #name: string;
  readonly #program: JobProgram;
  readonly #settings: JobSettings;
  readonly #opening = new AbortController();
  /** Resolves when the job is open, with nothing when it never will be. */
  readonly #whenOpen: Promise<CheckpointCoordinator | undefined>;
  #open: (coordinator: CheckpointCoordinator | undefined) => void = () => undefined;
  #subtask: Subtask | undefined;
  #coordinator: CheckpointCoordinator | undefined;
  #restore: JobRestore | undefined;
  #finder: RestoreFinder | undefined;
  #lastCheckpoint: CheckpointReport | undefined;
  #isStopping = false;
  #failure: StateError | undefined;

  constructor(name: string, program: JobProgram, settings: JobSettings) {
    this.#name = name;
    this.#program = program;
    this.#settings = settings;
    this.#whenOpen = new Promise((resolve) => (this.#open = resolve));
    this.finished = this.#run();
    this.finished.catch(() => undefined);
  }

  /**
   * Takes a checkpoint as soon as the job runs, right after the one under way. Rejects with CHECKPOINT_DECLINED when the job has none
   * configured or has ended, CHECKPOINT_ID, or what made it fail.
   */
  async triggerCheckpoint(options: TriggerOptions = {}): Promise<CheckpointReport> {
    if (this.#settings.checkpoint === undefined) throw declined("the job has no checkpoint directory configured");
    const coordinator = this.#coordinator ?? (await this.#whenOpen);
    if (coordinator === undefined) throw declined("the job ended before it could take a checkpoint");
    return await coordinator.trigger(options);
  }

  /** Takes a last checkpoint (where they are configured), then ends the job. Resolves with finished. */
  stop(): Promise<JobResult> {
    this.#isStopping = true;
    this.#opening.abort(new StateError("CHECKPOINT_DECLINED", "the job was asked to stop"));
    this.#subtask?.requestStop();
    return this.finished;
  }

  metrics(): JobMetrics {
    return {
      records: this.#subtask?.records ?? 0,
      totalRecords: this.#subtask?.totalRecords,
      stateSizeBytes: this.#subtask?.stateSizeBytes ?? 0,
      operators: this.#subtask?.backendMetrics() ?? [],
      restoredFrom: this.#restore?.checkpoint.id,
      restored: this.#restore?.report,
    };
  }

  async #run(): Promise<JobResult> {
    const lease = await this.#settings.storage?.acquire(this.#name);
    try {
      const subtask = await this.#openRestored(lease);
      this.#subtask = subtask;
      return await this.#process(subtask, lease);
    } catch (error) {
      if (this.#isStopping && this.#failure === undefined && isStateError(error) && error.code === "CHECKPOINT_DECLINED")
        return this.#result("stopped");
      const explained = await this.#explained(error);
      throw this.#failure ?? explained;
    } finally {
      this.#open(undefined);
      await this.#coordinator?.stop();
      await this.#subtask?.close();
    }
  }

  /** Opens the job from the checkpoint to restore; from an older one where that turns out to be damaged and falling back is allowed. */
  async #openRestored(lease: CheckpointLease | undefined): Promise<Subtask> {
    const { signal } = this.#opening;
    const settings = this.#settings;
    const finder = lease === undefined ? undefined : this.#createFinder(lease);
    this.#finder = finder;
    for (;;) {
      const restore = await finder?.find();
      this.#restore = restore;
      if (restore !== undefined) {
        const { checkpoint, location, fellBackFrom } = restore.report;
        const instead = fellBackFrom === undefined ? "" : ` instead of the damaged checkpoint ${fellBackFrom}`;
        settings.logger.info({ restored: restore.report }, `Restoring checkpoint ${checkpoint} from ${location}${instead}`);
      }
      try {
        return await this.#program.open({ job: this.#name, settings, restore, generation: lease?.generation ?? 0, signal });
      } catch (error) {
        if (finder === undefined || restore === undefined || !(await finder.isDamaged(restore, error))) throw error;
      }
    }
  }

  /** A job that fails on what it was restored from, before that was read back, fails for that reason. */
  async #explained(error: unknown): Promise<unknown> {
    const restore = this.#restore;
    if (this.#finder === undefined || restore === undefined || this.#coordinator?.isRestoreVerified !== false) return error;
    return (await this.#finder.isDamaged(restore, error)) ? (this.#finder.damageOf(restore) ?? error) : error;
  }

  #createFinder(lease: CheckpointLease): RestoreFinder {
    const { storage } = this.#settings;
    if (storage === undefined) throw new StateError("INTERNAL", "a lease came from no storage");
    const { signal } = this.#opening;
    return new RestoreFinder({ ...this.#settings, job: this.#name, program: this.#program, lease, storage, signal });
  }

  async #process(subtask: Subtask, lease: CheckpointLease | undefined): Promise<JobResult> {
    const coordinator = lease === undefined ? undefined : this.#createCoordinator(subtask, lease);
    this.#coordinator = coordinator;
    coordinator?.start();
    this.#open(coordinator);
    if (this.#isStopping) subtask.requestStop();
    const end = await subtask.run();
    if (this.#failure !== undefined) throw this.#failure;
    if (end === "stopped") {
      if (coordinator !== undefined) this.#lastCheckpoint = await coordinator.trigger();
      return this.#result("stopped");
    }
    if (coordinator !== undefined) this.#lastCheckpoint = await this.#finalCheckpoint(coordinator);
    // What sinks publish cannot be taken back, so what it goes back to must be whole.
    await coordinator?.restoreVerified;
    if (this.#failure !== undefined) throw this.#failure;
    await subtask.finishSinks();
    return this.#result("finished");
  }

  #createCoordinator(subtask: Subtask, lease: CheckpointLease): CheckpointCoordinator {
    const { checkpoint, maxParallelism, clock, logger, listeners } = this.#settings;
    if (checkpoint === undefined) throw new StateError("INTERNAL", "a job with checkpoint storage has no checkpoint settings");
    const restore = this.#restore;
    return new CheckpointCoordinator({
      settings: checkpoint,
      lease,
      participant: subtask,
      maxParallelism,
      clock,
      logger,
      listeners: [...listeners, { checkpointCompleted: (report) => (this.#lastCheckpoint = report) }],
      restoredFiles: restore?.files ?? [],
      ...(restore === undefined ? {} : { restored: factsOf(restore) }),
      fail: (error) => {
        this.#failure ??= error;
        subtask.requestStop();
      },
    });
  }

  /** The job's output is only complete with its last checkpoint, so a failed one is tried again. */
  async #finalCheckpoint(coordinator: CheckpointCoordinator): Promise<CheckpointReport> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await coordinator.trigger({}, "final");
      } catch (error) {
        if (this.#failure !== undefined || attempt === finalAttempts) throw error;
      }
      await new Promise<void>((resolve) => this.#settings.clock.schedule(finalRetryMs, resolve));
    }
  }

  #result(status: "finished" | "stopped"): JobResult {
    return {
      status,
      records: this.#subtask?.records ?? 0,
      restoredFrom: this.#restore?.checkpoint.id,
      restored: this.#restore?.report,
      lastCheckpoint: this.#lastCheckpoint,
    };
  }
}

function factsOf(restore: JobRestore): RestoredFacts {
  return {
    ownCheckpoint: restore.isOwn ? restore.checkpoint.id : undefined,
    unverified: restore.unverified(),
    chains: chainsOf(restore.manifest),
  };
}

function declined(reason: string): StateError {
  return new StateError("CHECKPOINT_DECLINED", reason);
}

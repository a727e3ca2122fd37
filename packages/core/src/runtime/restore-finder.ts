import { isStateError, StateError } from "../errors/index.js";
import type { StateBackend } from "../state/index.js";
import type { CheckpointManifest, CheckpointReader, CompletedCheckpoint, FileReference, FileSystem } from "../storage/index.js";
import { inParallel } from "./in-parallel.js";
import type { JobProgram } from "./job-program.js";
import { type JobRestore, jobRestore } from "./restore.js";
import { restoreSource, type RestoreSource, type SourceParts } from "./restore-source.js";

export interface RestoreFinderParts extends SourceParts {
  readonly program: Pick<JobProgram, "operatorIds" | "sinksThatKeepEffects">;
  readonly backend: StateBackend;
  readonly maxParallelism: number;
  readonly fileSystem: FileSystem;
  readonly signal: AbortSignal;
}

/** Files looked at, and files read, at the same time. */
const statsTogether = 16;
const hashesTogether = 4;

/** What another checkpoint can be a way out of. A newer format version is none: that checkpoint is whole. */
const damageCodes: ReadonlySet<string> = new Set([
  "CHECKPOINT_DAMAGED",
  "CHECKPOINT_FILE_MISSING",
  "CHECKPOINT_FILE_DAMAGED",
  "CHECKPOINT_NOT_FOUND",
  "CHECKPOINT_UNSAFE_NAME",
]);
/** What opening may throw when a file that it linked unread is damaged. */
const suspiciousCodes: ReadonlySet<string> = new Set([...damageCodes, "STATE_CORRUPT", "ROCKSDB", "IO", "INTERNAL"]);

/** Finds the checkpoint that a job starts from, checks it, and falls back to an older one where that is allowed (rule 20). */
export class RestoreFinder {
  readonly #parts: RestoreFinderParts;
  /** Checkpoints found damaged, with what is wrong. */
  readonly #damaged = new Map<number, StateError>();
  #source: RestoreSource | undefined;

  constructor(parts: RestoreFinderParts) {
    this.#parts = parts;
  }

  /**
   * The checkpoint to start from; undefined when there is none. An older one than the newest is the newest from here on, durably, before
   * this resolves. Throws what is wrong with the checkpoint, RESTORE_WOULD_DUPLICATE, STATE_NOT_RESTORED, MAX_PARALLELISM_MISMATCH,
   * CHECKPOINT_NOT_FOUND.
   */
  async find(): Promise<JobRestore | undefined> {
    const source = (this.#source ??= await this.#openSource());
    if (source === undefined) return undefined;
    for (const checkpoint of source.candidates) {
      if (this.#damaged.has(checkpoint.id)) continue;
      this.#requireMayFallBack(source);
      this.#requireMayRepeat(source, checkpoint);
      const found = await this.#tryLoad(source, checkpoint);
      if (found === undefined) continue;
      if (source.isOwn) await this.#parts.lease.rollBackTo(checkpoint);
      return found;
    }
    this.#requireMayFallBack(source);
    const [first] = this.#damaged.values();
    if (first === undefined) throw new StateError("INTERNAL", "no checkpoint was tried");
    throw withAdvice(first, "no older checkpoint is whole either");
  }

  /**
   * Opening or running failed: whether the reason is a file that was linked unread and is damaged. Then find() gives the next older
   * checkpoint, or throws what is damaged.
   */
  async isDamaged(restore: JobRestore, error: unknown): Promise<boolean> {
    if (!isStateError(error) || !suspiciousCodes.has(error.code)) return false;
    const { lease, signal } = this.#parts;
    try {
      await inParallel(restore.unverified(), hashesTogether, signal, (file, both) => lease.verifyFile(file, "checksums", both));
      return false;
    } catch (damage) {
      if (!isDamage(damage)) return false;
      const file = restore.files.find(({ name }) => name === damage.details["name"]);
      if (file !== undefined && restore.isOwn) await lease.markSuspect(file).catch(() => undefined);
      this.#damaged.set(restore.checkpoint.id, damage);
      return true;
    }
  }

  /** What isDamaged() found, with what to do about it. */
  damageOf(restore: JobRestore): StateError | undefined {
    const damage = this.#damaged.get(restore.checkpoint.id);
    return damage && withAdvice(damage, `to go on from an older checkpoint, start the job with ${this.#fallBackOption(this.#source)}`);
  }

  #openSource(): Promise<RestoreSource | undefined> {
    return restoreSource(this.#parts, (checkpoint, manifest) => this.#requireFits(checkpoint, manifest));
  }

  async #tryLoad(source: RestoreSource, checkpoint: CompletedCheckpoint): Promise<JobRestore | undefined> {
    try {
      return await this.#load(source, checkpoint);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#damaged.set(checkpoint.id, error);
      const advice = `Checkpoint ${checkpoint.id} is damaged: ${error.message}`;
      this.#parts.logger.warn({ checkpoint: checkpoint.id, code: error.code, error }, advice);
      return undefined;
    }
  }

  async #load(source: RestoreSource, checkpoint: CompletedCheckpoint): Promise<JobRestore> {
    const { fileSystem, signal } = this.#parts;
    const manifest = await source.reader.readManifest(checkpoint);
    this.#requireFits(checkpoint, manifest);
    return await source.hold(checkpoint, async () => {
      const unverified = await this.#verify(source.reader, manifest);
      const placed = await source.place(manifest, unverified, signal);
      const fellBackFrom = this.#damaged.keys().next().value;
      const { job, location, isOwn } = source;
      const verified = unverified.size === 0 ? ("checksums" as const) : ("sizes" as const);
      const report = { checkpoint: checkpoint.id, location, job, fellBackFrom, verified };
      return jobRestore({ report, checkpoint, manifest, isOwn, placed, unverified, fileSystem });
    });
  }

  /** Checks all files and returns the names of those that still have to be read. */
  async #verify(reader: CheckpointReader, { files, operators, baseLists }: CheckpointManifest): Promise<Set<string>> {
    const { signal, lease, backend, restore } = this.#parts;
    const suspects = await reader.suspectFiles();
    const read = new Set(
      operators
        .flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed ?? []))
        .filter((handle) => handle.backend !== backend.name || backend.restoresBy !== "link")
        .flatMap((handle) => handle.files),
    );
    // After one damaged checkpoint nothing is taken on trust.
    const all = restore.verify === "checksums" || this.#damaged.size > 0;
    const isInFront = ({ name }: FileReference): boolean => all || suspects.has(name) || (restore.verify === undefined && read.has(name));
    await inParallel(files, statsTogether, signal, (file, both) => reader.verifyFile(file, "sizes", both));
    await inParallel(files.filter(isInFront), hashesTogether, signal, (file, both) => reader.verifyFile(file, "checksums", both));
    if (reader === lease) for (const file of files) if (suspects.has(file.name)) await lease.clearSuspect(file);
    // Reading the manifest has read the lists of bases.
    const lists = new Set(baseLists?.map(({ file }) => file));
    return new Set(files.filter((file) => !isInFront(file) && !lists.has(file.name)).map(({ name }) => name));
  }

  #requireFits(checkpoint: CompletedCheckpoint, manifest: CheckpointManifest): void {
    const { maxParallelism, program, restore, logger } = this.#parts;
    if (manifest.maxParallelism !== maxParallelism) {
      throw new StateError(
        "MAX_PARALLELISM_MISMATCH",
        `checkpoint ${checkpoint.id} was taken with maxParallelism ${manifest.maxParallelism} and the job has ${maxParallelism}; ` +
          "it is fixed for the life of a job",
      );
    }
    for (const { id } of manifest.operators) {
      if (program.operatorIds.has(id)) continue;
      const found = `checkpoint ${manifest.checkpoint} holds state of operator "${id}", which the job does not have`;
      if (!restore.allowNonRestoredState) {
        throw new StateError(
          "STATE_NOT_RESTORED",
          `${found}; restore the operator or its name, or drop the state with restore: { allowNonRestoredState: true }`,
          { details: { operator: id } },
        );
      }
      logger.warn({ checkpoint: checkpoint.id, operator: id }, `${found}: it is dropped`);
    }
  }

  #requireMayFallBack(source: RestoreSource): void {
    const [first] = this.#damaged.values();
    if (first === undefined || this.#parts.restore.onDamaged === "fall-back") return;
    throw withAdvice(first, `to go on from the newest older checkpoint that is whole, start the job with ${this.#fallBackOption(source)}`);
  }

  #fallBackOption(source: RestoreSource | undefined): string {
    const repeats = source?.isExclusive === true && this.#parts.program.sinksThatKeepEffects.length > 0;
    return `restore: { onDamaged: "fall-back"${repeats ? ", allowDuplicates: true" : ""} }`;
  }

  #requireMayRepeat(source: RestoreSource, checkpoint: CompletedCheckpoint): void {
    const { program, restore } = this.#parts;
    const sinks = program.sinksThatKeepEffects;
    if (!source.isExclusive || checkpoint.id === source.newest.id || sinks.length === 0 || restore.allowDuplicates) return;
    const [damage] = this.#damaged.values();
    const names = sinks.map((sink) => `sink "${sink}"`).join(", ");
    throw new StateError(
      "RESTORE_WOULD_DUPLICATE",
      `going back from checkpoint ${source.newest.id} to ${checkpoint.id} would repeat what ${names} ` +
        "made seen since; if that may be, start the job with restore: { ..., allowDuplicates: true }",
      { details: { newest: source.newest.id, checkpoint: checkpoint.id, sinks }, ...(damage === undefined ? {} : { cause: damage }) },
    );
  }
}

function isDamage(error: unknown): error is StateError {
  return isStateError(error) && damageCodes.has(error.code);
}

function withAdvice(error: StateError, advice: string): StateError {
  return new StateError(error.code, `${error.message}; ${advice}`, { cause: error, details: error.details });
}

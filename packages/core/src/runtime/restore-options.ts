import { StateError } from "../errors/index.js";

/** What a job starts from, and what it does when that is damaged. */
export interface RestoreOptions {
  /**
   * Default: the job's newest checkpoint. A number is the id of one of its own; going back to an older one gives up those after it.
   * Give it to start() or run(), for that one start: in the job's options it would go back at each. A checkpoint elsewhere is taken only
   * while the job has none of its own.
   */
  readonly from?: number | ForeignCheckpoint;
  /**
   * What happens to the other directory that `from` names. "no-claim" (the default): nothing; files are linked or copied from it. "claim":
   * this job takes over; a coordinator that still runs there stops for good, and the directory can be removed once this job has
   * completed a checkpoint of its own.
   */
  readonly mode?: "no-claim" | "claim";
  /**
   * What is checked before the first record. "checksums" reads every file; "sizes" reads none, which takes milliseconds however much there
   * is, and reads them while the job runs: until then sinks commit nothing and no old checkpoint is deleted. Default: "sizes" for files
   * that the backend links, "checksums" for those it reads or copies.
   */
  readonly verify?: "checksums" | "sizes";
  /** When the checkpoint is damaged: "fail" (the default), or "fall-back" to the newest older one that is whole. */
  readonly onDamaged?: "fail" | "fall-back";
  /**
   * Lets the job go back below its newest checkpoint although a sink cannot take back what it made seen since; that is then repeated.
   * Default false: RESTORE_WOULD_DUPLICATE.
   */
  readonly allowDuplicates?: boolean;
  /** Drops state of operators that the job no longer has. Default false: STATE_NOT_RESTORED. */
  readonly allowNonRestoredState?: boolean;
}

/** A checkpoint in another directory or of another job. */
export interface ForeignCheckpoint {
  /** What that job's `checkpoint.directory` is. */
  readonly directory: string;
  /** Default: the name of the job that restores. */
  readonly job?: string;
  /** Its id. Default: the newest. */
  readonly checkpoint?: number;
}

/** The same with defaults. */
export interface RestoreSettings {
  readonly from: number | ForeignCheckpoint | undefined;
  readonly mode: "no-claim" | "claim";
  readonly verify: "checksums" | "sizes" | undefined;
  readonly onDamaged: "fail" | "fall-back";
  readonly allowDuplicates: boolean;
  readonly allowNonRestoredState: boolean;
}

const known = ["from", "mode", "verify", "onDamaged", "allowDuplicates", "allowNonRestoredState"];

/** Throws INVALID_CONFIGURATION that names the option. */
export function restoreSettings(options: RestoreOptions = {}): RestoreSettings {
  refuseUnknown(options, known, "restore");
  const { from, mode, verify, onDamaged = "fail", allowDuplicates = false, allowNonRestoredState = false } = options;
  if (typeof from === "number") requireId(from, "restore.from");
  else if (from !== undefined) checkForeign(from);
  oneOf(mode, ["no-claim", "claim"], "restore.mode");
  oneOf(verify, ["checksums", "sizes"], "restore.verify");
  oneOf(onDamaged, ["fail", "fall-back"], "restore.onDamaged");
  if (mode !== undefined && typeof from !== "object") throw invalid("restore.mode needs restore.from with a directory");
  for (const [name, flag] of Object.entries({ allowDuplicates, allowNonRestoredState }))
    if (typeof flag !== "boolean") throw invalid(`restore.${name} must be true or false`);
  return { from, mode: mode ?? "no-claim", verify, onDamaged, allowDuplicates, allowNonRestoredState };
}

function checkForeign(from: ForeignCheckpoint): void {
  if (from === null || typeof from !== "object") throw invalid("restore.from must be a checkpoint id or { directory, job, checkpoint }");
  refuseUnknown(from, ["directory", "job", "checkpoint"], "restore.from");
  if (typeof from.directory !== "string" || from.directory === "") throw invalid("restore.from.directory must name a directory");
  if (from.job !== undefined && (typeof from.job !== "string" || from.job === "")) throw invalid("restore.from.job must name a job");
  if (from.checkpoint !== undefined) requireId(from.checkpoint, "restore.from.checkpoint");
}

function requireId(id: number, name: string): void {
  if (!Number.isSafeInteger(id) || id < 1) throw invalid(`${name} must be the id of a checkpoint, a whole number from 1 on`);
}

function oneOf(value: string | undefined, choices: readonly string[], name: string): void {
  if (value !== undefined && !choices.includes(value)) throw invalid(`${name} must be one of ${choices.join(", ")}`);
}

function refuseUnknown(options: object, names: readonly string[], name: string): void {
  if (options === null || typeof options !== "object") throw invalid(`${name} must be an object`);
  const wrong = Object.keys(options).find((key) => !names.includes(key));
  if (wrong !== undefined) throw invalid(`${name}.${wrong} is not an option; there are ${names.join(", ")}`);
}

function invalid(message: string): StateError {
  return new StateError("INVALID_CONFIGURATION", message);
}

import { StateError } from "../errors/index.js";
import { type Duration, durationMs } from "../time/index.js";

/** When and where a job takes checkpoints. */
export interface CheckpointConfig {
  /** Directory for checkpoints of any number of jobs, each in a folder of its own. */
  readonly directory: string;
  /**
   * Time from the start of one checkpoint to the start of the next. A function is asked before each one, so that the interval can
   * follow the job. Default "10s".
   */
  readonly interval?: Duration | (() => Duration);
  /** Least time between the end of a checkpoint and the start of the next. Default 0. */
  readonly minPause?: Duration;
  /** A checkpoint that takes longer is aborted. Default "10m". */
  readonly timeout?: Duration;
  /** How many checkpoints in a row may fail before the job does. Default Infinity: the job goes on. */
  readonly tolerableFailures?: number;
  /** Completed checkpoints to keep; older ones are deleted. Default 3. */
  readonly retain?: number;
  /**
   * Bytes a second that checkpoints may copy or write to the directory; hard links are free. Default: no limit.
   */
  readonly uploadBytesPerSecond?: number;
  /**
   * Bytes a second that are read back in the background: files that a restore linked, and the first files of a chain. Until the
   * former are through, sinks commit nothing. Default 512 MiB.
   */
  readonly verifyBytesPerSecond?: number;
}

/** The same with defaults filled in and durations as milliseconds. */
export interface CheckpointSettings {
  readonly directory: string;
  readonly intervalMs: () => number;
  readonly minPauseMs: number;
  readonly timeoutMs: number;
  readonly tolerableFailures: number;
  readonly retain: number;
  /** Infinity for no limit. */
  readonly uploadBytesPerSecond: number;
  readonly verifyBytesPerSecond: number;
}

const known = new Set([
  "directory",
  "interval",
  "minPause",
  "timeout",
  "tolerableFailures",
  "retain",
  "uploadBytesPerSecond",
  "verifyBytesPerSecond",
]);
const defaultVerifyBytesPerSecond = 512 * 1024 * 1024;

/** Throws INVALID_CONFIGURATION that names the option. */
export function checkpointSettings(config: CheckpointConfig): CheckpointSettings {
  for (const name of Object.keys(config))
    if (!known.has(name)) throw invalid(`checkpoint.${name} is not an option; there are ${[...known].join(", ")}`);
  if (typeof config.directory !== "string" || config.directory === "") throw invalid("checkpoint.directory must name a directory");
  const { interval = "10s", tolerableFailures = Infinity, retain = 3 } = config;
  const timeoutMs = durationMs(config.timeout ?? "10m", "checkpoint.timeout");
  if (timeoutMs === 0) throw invalid("checkpoint.timeout must be longer than 0");
  if (tolerableFailures !== Infinity && !(Number.isSafeInteger(tolerableFailures) && tolerableFailures >= 0)) {
    throw invalid("checkpoint.tolerableFailures must be 0, a positive whole number or Infinity");
  }
  if (!Number.isSafeInteger(retain) || retain < 1) throw invalid("checkpoint.retain must be a whole number, at least 1");
  const intervalMs = typeof interval === "function" ? () => durationMs(interval(), "checkpoint.interval") : fixedInterval(interval);
  return {
    directory: config.directory,
    intervalMs,
    minPauseMs: durationMs(config.minPause ?? 0, "checkpoint.minPause"),
    timeoutMs,
    tolerableFailures,
    retain,
    uploadBytesPerSecond: rate(config.uploadBytesPerSecond ?? Infinity, "uploadBytesPerSecond"),
    verifyBytesPerSecond: rate(config.verifyBytesPerSecond ?? defaultVerifyBytesPerSecond, "verifyBytesPerSecond"),
  };
}

function rate(bytesPerSecond: number, name: string): number {
  if (typeof bytesPerSecond !== "number" || !(bytesPerSecond > 0)) throw invalid(`checkpoint.${name} must be a number above 0`);
  return bytesPerSecond;
}

function fixedInterval(interval: Duration): () => number {
  const intervalMs = durationMs(interval, "checkpoint.interval");
  return () => intervalMs;
}

function invalid(message: string): StateError {
  return new StateError("INVALID_CONFIGURATION", message);
}

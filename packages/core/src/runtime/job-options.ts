import {
  type CheckpointConfig,
  type CheckpointListener,
  type CheckpointSettings,
  checkpointSettings,
  type Logger,
} from "../checkpoint/index.js";
import { StateError } from "../errors/index.js";
import { defaultMaxParallelism, type StateBackend } from "../state/index.js";
import type { CheckpointStorage, DirectoryCheckpointStorageOptions, FileSystem } from "../storage/index.js";
import { directoryCheckpointStorage, NodeFileSystem } from "../storage/index.js";
import { type Clock, systemClock } from "../time/index.js";
import { consoleLogger } from "./console-logger.js";
import { type RestoreOptions, type RestoreSettings, restoreSettings } from "./restore-options.js";

/** How a job runs. */
export interface JobOptions {
  /** Where keyed state lives: memoryBackend(), rocksdbBackend({...}). */
  readonly backend: StateBackend;
  /** Without it the job takes no checkpoints and starts from nothing each time. */
  readonly checkpoint?: CheckpointConfig;
  /** What it starts from, and what it does when that is damaged. Default: its newest checkpoint, and it refuses to start. */
  readonly restore?: RestoreOptions;
  /** Number of key groups: the highest parallelism the job can ever have. Fixed for its life. Default 128. */
  readonly maxParallelism?: number;
  /**
   * Deeply freezes what state handles take and give, so that changing state in place throws instead of working on one backend only.
   * Slow. Default false.
   */
  readonly development?: boolean;
  readonly listeners?: readonly CheckpointListener[];
  /** A pino logger, say. Default: pino to standard error. */
  readonly logger?: Logger;
  /** Passed in by tests and simulations. */
  readonly clock?: Clock;
  readonly fileSystem?: FileSystem;
}

/** The same, checked and with defaults. */
export interface JobSettings {
  readonly backend: StateBackend;
  readonly checkpoint: CheckpointSettings | undefined;
  readonly storage: CheckpointStorage | undefined;
  readonly restore: RestoreSettings;
  /** Checkpoints in another directory. */
  readonly storageAt: (directory: string) => CheckpointStorage;
  readonly maxParallelism: number;
  readonly isDevelopment: boolean;
  readonly listeners: readonly CheckpointListener[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
}

const known = new Set([
  "backend",
  "checkpoint",
  "restore",
  "maxParallelism",
  "development",
  "listeners",
  "logger",
  "clock",
  "fileSystem",
]);

/** Throws INVALID_CONFIGURATION that names the option. */
export function jobSettings(options: JobOptions): JobSettings {
  for (const name of Object.keys(options))
    if (!known.has(name)) throw invalid(`${name} is not a job option; there are ${[...known].join(", ")}`);
  if (typeof options.backend?.open !== "function") throw invalid("backend must be a state backend, memoryBackend() for example");
  const maxParallelism = options.maxParallelism ?? defaultMaxParallelism;
  if (!Number.isSafeInteger(maxParallelism) || maxParallelism < 1 || maxParallelism > 32_768)
    throw invalid("maxParallelism must be a whole number from 1 to 32768");
  const fileSystem = options.fileSystem ?? new NodeFileSystem();
  const clock = options.clock ?? systemClock;
  const checkpoint = options.checkpoint === undefined ? undefined : checkpointSettings(options.checkpoint);
  if (options.restore !== undefined && checkpoint === undefined) throw invalid("restore needs checkpoint: { directory } to go on in");
  const storageClock = { now: () => clock.nowMs(), schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs, callback) };
  const storageAt = (directory: string): CheckpointStorage => directoryCheckpointStorage({ directory, fileSystem, clock: storageClock });
  return {
    backend: options.backend,
    checkpoint,
    storage: checkpoint === undefined ? undefined : ownStorage(checkpoint, fileSystem, storageClock),
    restore: restoreSettings(options.restore),
    storageAt,
    maxParallelism,
    isDevelopment: options.development ?? false,
    listeners: options.listeners ?? [],
    logger: options.logger ?? consoleLogger(),
    clock,
    fileSystem,
  };
}

type StorageClock = NonNullable<DirectoryCheckpointStorageOptions["clock"]>;

function ownStorage(checkpoint: CheckpointSettings, fileSystem: FileSystem, clock: StorageClock): CheckpointStorage {
  const { directory, uploadBytesPerSecond } = checkpoint;
  const rate = uploadBytesPerSecond === Infinity ? {} : { uploadBytesPerSecond };
  return directoryCheckpointStorage({ directory, fileSystem, clock, ...rate });
}

function invalid(message: string): StateError {
  return new StateError("INVALID_CONFIGURATION", message);
}

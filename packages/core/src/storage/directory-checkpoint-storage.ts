import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { StateError } from "../errors/index.js";
import { DirectoryCheckpointReader } from "./checkpoint-reader.js";
import type {
  CheckpointLease, CheckpointPin, CheckpointReader, CheckpointStorage, CompletedCheckpoint, PinOwner,
} from "./checkpoint-storage.js";
import { announcedIn, CommitLog, type CommitLogState } from "./commit-log.js";
import { DirectoryLease } from "./directory-lease.js";
import type { FileSystem } from "./file-system.js";
import { JobDirectory } from "./job-directory.js";
import { checkpointIdOf } from "./names.js";
import { goneWhilePinned, Pins } from "./pins.js";
import { UploadPace } from "./upload-pace.js";

export interface DirectoryCheckpointStorageOptions {
  /** Where all jobs' checkpoints are; each job has a directory of its name in it. Created when missing. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  /**
   * `now` gives the times in commit records; without it they have none. With `schedule` too, uploads are tried again after passing
   * errors (50 ms later, then 100, 200 and 400) and keep to uploadBytesPerSecond.
   */
  readonly clock?: { now(): number; schedule?(delayMs: number, callback: () => void): () => void };
  /** Most bytes that a lease copies or streams in a second; hard links are free. Default: no limit. */
  readonly uploadBytesPerSecond?: number;
  /** Files that a lease writes at the same time. Default 4. */
  readonly uploadConcurrency?: number;
  /** A text that no other call returns, in this or another process. Default: 64 random bits; tests pass a counter. */
  readonly nonce?: () => string;
}

/**
 * Checkpoints in a local or shared directory that has hard links and atomic creation of a name. Its layout is in
 * docs/formats/checkpoint.md. Throws INVALID_CONFIGURATION when `directory` is empty or a limit is out of range.
 *
 *     const storage = directoryCheckpointStorage({ directory: "/var/lib/checkpoints", fileSystem: new NodeFileSystem() });
 *     const lease = await storage.acquire("word-count");
 *     const pending = await lease.begin(lease.highestId + 1);
 *     const file = await pending.files.addFile("/var/tmp/000017.sst", `${lease.generation}-0-000017.sst`);
 *     await pending.complete(manifest, [file]);
 *     await lease.subsume(2);
 */
export function directoryCheckpointStorage(options: DirectoryCheckpointStorageOptions): CheckpointStorage {
  if (typeof options.directory !== "string" || options.directory === "") {
    throw new StateError("INVALID_CONFIGURATION", "the checkpoint directory is empty: give a path");
  }
  const { uploadBytesPerSecond = 1, uploadConcurrency = 1 } = options;
  if (!(uploadBytesPerSecond > 0)) {
    throw new StateError("INVALID_CONFIGURATION", "uploadBytesPerSecond must be a number above 0; leave it out for no limit");
  }
  if (!Number.isSafeInteger(uploadConcurrency) || uploadConcurrency < 1) {
    throw new StateError("INVALID_CONFIGURATION", "uploadConcurrency must be a whole number, at least 1");
  }
  return new DirectoryCheckpointStorage(options);
}

class DirectoryCheckpointStorage implements CheckpointStorage {
  readonly location: string;
  readonly #options: DirectoryCheckpointStorageOptions;
  readonly #nonce: () => string;

  constructor(options: DirectoryCheckpointStorageOptions) {
    this.location = resolve(options.directory);
    this.#options = options;
    this.#nonce = options.nonce ?? (() => randomBytes(8).toString("hex"));
  }

  reader(job: string): CheckpointReader {
    const directory = this.#directoryOf(job);
    return new DirectoryCheckpointReader(this.#options.fileSystem, directory, this.#log(directory));
  }

  async acquire(job: string): Promise<CheckpointLease> {
    const { fileSystem } = this.#options;
    const directory = this.#directoryOf(job);
    await directory.prepare(this.#nonce);
    const log = this.#log(directory);
    const { generation, before } = await log.fence();
    return new DirectoryLease({
      fileSystem,
      directory,
      log,
      // With a log of its own: what it reads later says nothing about what this lease has won.
      reader: new DirectoryCheckpointReader(fileSystem, directory, this.#log(directory, before)),
      nonce: this.#nonce,
      generation,
      restorePoint: announcedIn(before).at(-1),
      highestId: await this.#highestId(directory, before),
      pace: this.#pace(),
    });
  }

  async pin(job: string, checkpoint: CompletedCheckpoint, owner: PinOwner): Promise<CheckpointPin> {
    const directory = this.#directoryOf(job);
    const reader = this.reader(job);
    const manifest = await reader.readManifest(checkpoint);
    const pins = new Pins(this.#options.fileSystem, directory);
    const name = await pins.create(checkpoint, manifest.files, owner, this.#nonce);
    try {
      // Behind the pin: whoever gives the checkpoint up from here on reads the pin before deleting anything.
      const announced = (await reader.list()).find(({ id }) => id === checkpoint.id);
      if (announced?.manifestSha256 !== checkpoint.manifestSha256) {
        throw goneWhilePinned(checkpoint, directory.path);
      }
      await reader.readManifest(checkpoint);
      await pins.releaseOlder(owner);
    } catch (error) {
      await pins.release(name).catch(() => undefined);
      throw error;
    }
    return { manifest, release: () => pins.release(name) };
  }

  #pace(): UploadPace {
    const { clock, uploadBytesPerSecond, uploadConcurrency } = this.#options;
    const schedule = clock?.schedule?.bind(clock);
    return new UploadPace({
      ...(clock === undefined || schedule === undefined ? {} : { clock: { now: () => clock.now(), schedule } }),
      ...(uploadBytesPerSecond === undefined ? {} : { bytesPerSecond: uploadBytesPerSecond }),
      ...(uploadConcurrency === undefined ? {} : { concurrency: uploadConcurrency }),
    });
  }

  async #highestId(directory: JobDirectory, log: CommitLogState): Promise<number> {
    const entries = await this.#options.fileSystem.list(directory.path);
    const announced = [...log.records.values()].map((record) => (record.kind === "checkpoint" ? record.checkpoint : 0));
    return Math.max(log.oldestCheckpoint - 1, ...announced, ...entries.map(({ name }) => checkpointIdOf(name) ?? 0));
  }

  #directoryOf(job: string): JobDirectory {
    return new JobDirectory(this.#options.fileSystem, this.location, job);
  }

  #log(directory: JobDirectory, known?: CommitLogState): CommitLog {
    const { fileSystem, clock } = this.#options;
    const now = clock === undefined ? {} : { now: () => clock.now() };
    const read = known === undefined ? {} : { known };
    return new CommitLog({ fileSystem, directory: directory.commits, nonce: this.#nonce, ...now, ...read });
  }
}

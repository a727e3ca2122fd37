import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { StateError } from "../errors/index.js";
import { DirectoryCheckpointReader } from "./checkpoint-reader.js";
import type { CheckpointLease, CheckpointReader, CheckpointStorage } from "./checkpoint-storage.js";
import { announcedIn, CommitLog, type CommitLogState } from "./commit-log.js";
import { DirectoryLease } from "./directory-lease.js";
import type { FileSystem } from "./file-system.js";
import { JobDirectory } from "./job-directory.js";
import { checkpointIdOf } from "./names.js";

export interface DirectoryCheckpointStorageOptions {
  /** Where all jobs' checkpoints are; each job has a directory of its name in it. Created when missing. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  /** Only for the times in commit records; without it they have none. */
  readonly clock?: { now(): number };
  /** A text that no other call returns, in this or another process. Default: 64 random bits; tests pass a counter. */
  readonly nonce?: () => string;
}

/**
 * Checkpoints in a local or shared directory that has hard links and atomic creation of a name. Its layout is in
 * docs/formats/checkpoint.md. Throws INVALID_CONFIGURATION when `directory` is empty.
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
      reader: new DirectoryCheckpointReader(fileSystem, directory, this.#log(directory)),
      nonce: this.#nonce,
      generation,
      restorePoint: announcedIn(before).at(-1),
      highestId: await this.#highestId(directory, before),
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

  #log(directory: JobDirectory): CommitLog {
    const { fileSystem, clock } = this.#options;
    const now = clock === undefined ? {} : { now: () => clock.now() };
    return new CommitLog({ fileSystem, directory: directory.commits, nonce: this.#nonce, ...now });
  }
}

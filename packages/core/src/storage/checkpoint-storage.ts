import type { StateError } from "../errors/index.js";
import type { CheckpointManifest, FileReference } from "./manifest.js";

/**
 * Where checkpoints live. One implementation keeps them in a local or shared directory (directoryCheckpointStorage);
 * an object store can be another. Reading needs no lease and never writes.
 */
export interface CheckpointStorage {
  /** For messages: the directory or URL. */
  readonly location: string;
  /** Reads a job's checkpoints without touching them. */
  reader(job: string): CheckpointReader;
  /**
   * Fences every earlier coordinator of the job (rule 19) and returns the only lease that may publish from now on.
   * Throws DIRECTORY_NOT_WRITABLE, FOREIGN_DIRECTORY, NO_SPACE, INVALID_CONFIGURATION for a job name that cannot be a directory name or
   * a place without hard links, CHECKPOINT_DAMAGED when the commit log is.
   */
  acquire(job: string): Promise<CheckpointLease>;
  /**
   * Keeps a checkpoint of `job` and its files from being deleted by that job's own coordinator until the pin is released (rule 17). A
   * pin outlives a crash of its owner; the owner's next life removes it. Throws CHECKPOINT_NOT_FOUND when the checkpoint was given
   * up meanwhile, what readManifest throws, DIRECTORY_NOT_WRITABLE, NO_SPACE, IO, INVALID_CONFIGURATION where there are no hard links.
   */
  pin(job: string, checkpoint: CompletedCheckpoint, owner: PinOwner): Promise<CheckpointPin>;
}

/** Who pins a checkpoint of another job. */
export interface PinOwner {
  readonly job: string;
  /** CheckpointStorage.location of the owner. */
  readonly location: string;
  /** The owner's lease; pins of its older generations are leftovers. */
  readonly generation: number;
}

export interface CheckpointPin {
  readonly manifest: CheckpointManifest;
  /** Lets the checkpoint go. Safe to call twice. */
  release(): Promise<void>;
}

/** What a coordinator says about a checkpoint; the storage adds the rest. */
export type ManifestContent = Omit<CheckpointManifest, "checkpoint" | "generation" | "job" | "files" | "baseLists">;

/** A checkpoint that won its commit slot. */
export interface CompletedCheckpoint {
  readonly id: number;
  readonly generation: number;
  /** The slot in commits/ that announced it. */
  readonly slot: number;
  readonly manifestSha256: string;
}

export interface CheckpointReader {
  /**
   * Announced checkpoints that were not given up by subsume(), oldest first. One whose manifest has gone missing is listed too:
   * readManifest then throws, so that nobody falls back to an older one without noticing (rule 20). Throws CHECKPOINT_DAMAGED for a damaged
   * or missing commit record, FOREIGN_DIRECTORY.
   */
  list(): Promise<CompletedCheckpoint[]>;
  /**
   * Reads and checks a manifest: size, checksum, version, shape, names. The SHA-256 is compared with the commit record's. Throws
   * CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or CHECKPOINT_UNSAFE_NAME.
   */
  readManifest(checkpoint: CompletedCheckpoint): Promise<CheckpointManifest>;
  /** Absolute path of a file that a manifest names. Throws CHECKPOINT_UNSAFE_NAME rather than leave the directory. */
  pathOf(file: FileReference): string;
  /**
   * Checks that a file is there with its size (`sizes`) and also its SHA-256 (`checksums`). Throws CHECKPOINT_FILE_MISSING,
   * CHECKPOINT_FILE_DAMAGED, CHECKPOINT_UNSAFE_NAME for anything but a regular file, or the signal's reason.
   */
  verifyFile(file: FileReference, level: "sizes" | "checksums", signal?: AbortSignal): Promise<void>;
  /** Names of files that a check in the background found damaged: take their checksums before anything relies on them. */
  suspectFiles(): Promise<ReadonlySet<string>>;
}

export interface CheckpointLease extends CheckpointReader {
  /** Grows by one with each coordinator of the job; part of every name this coordinator writes. */
  readonly generation: number;
  /** The newest checkpoint announced before this lease's fence: what an automatic restore takes. */
  readonly restorePoint: CompletedCheckpoint | undefined;
  /** The highest checkpoint id ever used, announced or not; ids are never used again. */
  readonly highestId: number;
  /** Opens a pending checkpoint. Ids must grow: CHECKPOINT_ID otherwise. An id counts as used from here on, also after a crash. */
  begin(id: number): Promise<PendingCheckpointFiles>;
  /**
   * Deletes checkpoints beyond the newest `retain` ones, then files that nothing names any more. Never touches what a retained,
   * pinned or pending checkpoint names, nor an own file that a checkpoint begun later may still name; keeps the last checkpoint
   * of the chain before for as long as a base of the newest one was not read back (rule 18). Deletes nothing when any manifest or pin
   * cannot be read and then says so in `blockedBy`. Throws COORDINATOR_FENCED after a takeover.
   */
  subsume(retain: number): Promise<SubsumeReport>;
  /** The base of a chain was read back whole. Remembered in memory only: after a restart it is read again. */
  chainVerified(chain: string): void;
  /**
   * Gives up every checkpoint announced after `checkpoint`, durably: it is the one that an automatic restore takes from now on. Their
   * ids stay used, their files go once a checkpoint of this lease is complete. Throws CHECKPOINT_NOT_FOUND for one that is not
   * announced, COORDINATOR_FENCED.
   */
  rollBackTo(checkpoint: CompletedCheckpoint): Promise<void>;
  /**
   * Puts a file of another job's checkpoint into this job's, under a name of its own: hard link where possible, else a copy whose
   * SHA-256 is compared with `reference`. `isLinked` says that it is the source's very file, of which only the size was checked.
   * Throws CHECKPOINT_FILE_MISSING, CHECKPOINT_FILE_DAMAGED, and what SnapshotFiles.addFile throws.
   */
  importFile(path: string, name: string, reference: FileReference, signal?: AbortSignal): Promise<ImportedFile>;
  /** Makes the next restore take a file's checksum first. Safe to repeat. */
  markSuspect(file: FileReference): Promise<void>;
  /** The file is whole after all. */
  clearSuspect(file: FileReference): Promise<void>;
}

export interface ImportedFile {
  readonly reference: FileReference;
  readonly isLinked: boolean;
}

export interface SubsumeReport {
  readonly deletedCheckpoints: readonly number[];
  readonly deletedFiles: readonly string[];
  /** Why nothing was deleted: the manifest or pin that cannot be read. Repair it, or delete an old checkpoint's directory by hand. */
  readonly blockedBy?: StateError;
}

/** What backends write their files through while a checkpoint is pending. */
export interface SnapshotFiles {
  /** Part of every name: who wrote it. A name is written once, ever (rule 13). */
  readonly generation: number;
  /**
   * Puts a finished local file into the checkpoint's shared files: hard link where possible, else copy + fsync. Idempotent per name
   * within a lease: a file that an aborted checkpoint already put there is not written again. The local file must not change any more.
   * Throws INVALID_ARGUMENT when another lease used the name, the signal's reason when aborted, CHECKPOINT_UNSAFE_NAME.
   */
  addFile(localPath: string, name: string, signal?: AbortSignal): Promise<FileReference>;
  /** Streams a new shared file. It is removed again when `chunks` throws. Throws INVALID_ARGUMENT when the name was used before. */
  writeFile(name: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<FileReference>;
}

export interface PendingCheckpointFiles {
  readonly id: number;
  readonly files: SnapshotFiles;
  /**
   * Makes the files durable, writes the manifest last, then takes the next commit slot. Resolves once the checkpoint is announced.
   * Throws COORDINATOR_FENCED when a newer generation took a slot; INVALID_ARGUMENT for a malformed manifest, CHECKPOINT_FILE_MISSING or
   * CHECKPOINT_FILE_DAMAGED for a file that is not there as described, CHECKPOINT_FAILED when a later checkpoint was announced first;
   * NO_SPACE and other file errors. Then the checkpoint is not announced and abort() cleans up - except for an IO error with
   * `details.isUnclear`: the lease is then useless, as after COORDINATOR_FENCED, and the next acquire() finds out.
   */
  complete(manifest: ManifestContent, files: readonly FileReference[]): Promise<CompletedCheckpoint>;
  /** Drops the pending manifest; finished shared files stay for the next checkpoint (rule 11). Safe to call more than once. */
  abort(): Promise<void>;
}

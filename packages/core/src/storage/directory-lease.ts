import { StateError } from "../errors/index.js";
import type {
  CheckpointLease, CheckpointReader, CompletedCheckpoint, ImportedFile, ManifestContent, PendingCheckpointFiles, SnapshotFiles,
  SubsumeReport,
} from "./checkpoint-storage.js";
import { BaseLists } from "./base-lists.js";
import { announcedIn, type CommitLog } from "./commit-log.js";
import { createIfAbsent } from "./create-if-absent.js";
import type { FileSystem } from "./file-system.js";
import { sha256Hex } from "./framed-json.js";
import { GarbageCollector } from "./garbage-collector.js";
import { type JobDirectory, manifestName } from "./job-directory.js";
import type { CheckpointManifest, FileReference } from "./manifest.js";
import { encodeManifest } from "./manifest-codec.js";
import { temporaryName } from "./names.js";
import { Pins } from "./pins.js";
import { SharedFiles } from "./shared-files.js";
import { SuspectFiles } from "./suspect-files.js";
import type { UploadPace } from "./upload-pace.js";

export interface DirectoryLeaseOptions {
  readonly fileSystem: FileSystem;
  readonly directory: JobDirectory;
  readonly log: CommitLog;
  readonly reader: CheckpointReader;
  readonly nonce: () => string;
  readonly generation: number;
  readonly restorePoint: CompletedCheckpoint | undefined;
  readonly highestId: number;
  readonly pace: UploadPace;
}

/** How many files are looked at together before a manifest is written. */
const statBatch = 8;

/**
 * The right to publish checkpoints of a job. Completion, abort and garbage collection run one after the other; files are added at
 * any time. After a takeover, or an append whose outcome is not known, every call throws that error: only a new lease can go on.
 */
export class DirectoryLease implements CheckpointLease {
  readonly generation: number;
  readonly restorePoint: CompletedCheckpoint | undefined;
  readonly highestId: number;
  readonly #options: DirectoryLeaseOptions;
  readonly #shared: SharedFiles;
  readonly #baseLists: BaseLists;
  readonly #garbage: GarbageCollector;
  readonly #suspects: SuspectFiles;
  readonly #verifiedChains = new Set<string>();
  readonly #pending = new Map<number, PendingCheckpoint>();
  #highestBegun: number;
  #newestAnnounced: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: DirectoryLeaseOptions) {
    this.#options = options;
    this.generation = options.generation;
    this.restorePoint = options.restorePoint;
    this.highestId = options.highestId;
    this.#highestBegun = options.highestId;
    this.#newestAnnounced = options.restorePoint?.id ?? 0;
    const highestBegun = (): number => this.#highestBegun;
    this.#shared = new SharedFiles({ ...options, directory: options.directory.shared, highestBegun });
    this.#baseLists = new BaseLists(this.#shared, options.generation);
    this.#suspects = new SuspectFiles(options.fileSystem, options.directory);
    this.#garbage = new GarbageCollector({
      ...options,
      shared: this.#shared,
      pins: new Pins(options.fileSystem, options.directory),
      suspects: this.#suspects,
      isVerifiedChain: (chain) => this.#verifiedChains.has(chain),
      highestBegun,
      pendingIds: () => [...this.#pending.keys()],
    });
  }

  list(): Promise<CompletedCheckpoint[]> {
    return this.#options.reader.list();
  }

  async readManifest(checkpoint: CompletedCheckpoint): Promise<CheckpointManifest> {
    const manifest = await this.#options.reader.readManifest(checkpoint);
    this.#baseLists.learn(manifest);
    return manifest;
  }

  pathOf(file: FileReference): string {
    return this.#options.reader.pathOf(file);
  }

  verifyFile(file: FileReference, level: "sizes" | "checksums", signal?: AbortSignal): Promise<void> {
    return this.#options.reader.verifyFile(file, level, signal);
  }

  suspectFiles(): Promise<ReadonlySet<string>> {
    return this.#options.reader.suspectFiles();
  }

  markSuspect(file: FileReference): Promise<void> {
    return this.#suspects.add(file.name);
  }

  clearSuspect(file: FileReference): Promise<void> {
    return this.#suspects.remove(file.name);
  }

  chainVerified(chain: string): void {
    this.#verifiedChains.add(chain);
  }

  async importFile(path: string, name: string, reference: FileReference, signal?: AbortSignal): Promise<ImportedFile> {
    this.#requireUsable();
    return this.#shared.importFile(path, name, reference, signal);
  }

  rollBackTo(checkpoint: CompletedCheckpoint): Promise<void> {
    return this.#exclusively(async () => {
      this.#requireUsable();
      await this.#orFenced(() => this.#rollBackTo(checkpoint));
    });
  }

  async begin(id: number): Promise<PendingCheckpointFiles> {
    this.#requireUsable();
    if (!Number.isSafeInteger(id) || id <= this.#highestBegun) {
      throw new StateError("CHECKPOINT_ID", `checkpoint ${id} cannot begin: ids only grow, use ${this.#highestBegun + 1} or more`, {
        details: { id, highest: this.#highestBegun },
      });
    }
    this.#highestBegun = id;
    const { fileSystem, directory, log } = this.#options;
    await this.#orFenced(() => log.requirePresent());
    // The directory makes the id known even if this attempt dies now: it is never used again (rule 14).
    await fileSystem.makeDirectory(directory.checkpointPath(id));
    await fileSystem.syncDirectory(directory.path);
    const pending = new PendingCheckpoint(id, this.#shared, {
      complete: (manifest, files) => this.#exclusively(() => this.#orFenced(() => this.#complete(pending, manifest, files))),
      abort: () => this.#exclusively(() => this.#abort(pending)),
    });
    this.#pending.set(id, pending);
    return pending;
  }

  subsume(retain: number): Promise<SubsumeReport> {
    return this.#exclusively(async () => {
      this.#requireUsable();
      if (!Number.isSafeInteger(retain) || retain < 1) {
        throw new StateError("INVALID_ARGUMENT", `cannot retain ${retain} checkpoints: give a whole number of at least 1`);
      }
      return this.#orFenced(() => this.#garbage.subsume(retain));
    });
  }

  async #rollBackTo({ id }: CompletedCheckpoint): Promise<void> {
    const { log } = this.#options;
    const announced = announcedIn(await log.requireHeldBy(this.generation));
    if (!announced.some((each) => each.id === id)) {
      throw new StateError("CHECKPOINT_NOT_FOUND", `checkpoint ${id} is not announced, so nothing can go back to it`, { details: { id } });
    }
    if (announced.at(-1)?.id !== id) {
      await log.append({ kind: "rollback", generation: this.generation, checkpoint: id });
    }
  }

  async #complete(pending: PendingCheckpoint, content: ManifestContent, files: readonly FileReference[]): Promise<CompletedCheckpoint> {
    this.#requireUsable();
    const { id } = pending;
    if (pending.state !== "open" || id <= this.#newestAnnounced) {
      const why = pending.state === "open" ? `checkpoint ${this.#newestAnnounced} was announced first` : `it is ${pending.state}`;
      const message = `checkpoint ${id} cannot complete: ${why}; begin one with a higher id`;
      throw new StateError("CHECKPOINT_FAILED", message, { details: { id } });
    }
    const { job } = this.#options.directory;
    const listed = await this.#baseLists.write(id, content.operators, files);
    await this.#requireComplete(listed.files);
    await this.#options.fileSystem.syncDirectory(this.#options.directory.shared);
    const bytes = encodeManifest({ ...content, ...listed, job, checkpoint: id, generation: this.generation });
    const manifestSha256 = sha256Hex(bytes);
    await this.#writeManifest(id, bytes);
    pending.hasManifest = true;
    const entry = { kind: "checkpoint", generation: this.generation, checkpoint: id, manifestSha256 } as const;
    const slot = await this.#options.log.append(entry);
    pending.state = "complete";
    this.#pending.delete(id);
    this.#newestAnnounced = id;
    this.#baseLists.keepOnly(listed.baseLists);
    return { id, generation: this.generation, slot, manifestSha256 };
  }

  /** Every file must be there as it is about to be described: this is the last moment to notice. */
  async #requireComplete(files: readonly FileReference[]): Promise<void> {
    for (let start = 0; start < files.length; start += statBatch) {
      await Promise.all(
        files.slice(start, start + statBatch).map(async (file) => {
          const own = this.#shared.referenceOf(file.name);
          if (own !== undefined && (own.sha256 !== file.sha256 || own.sizeBytes !== file.sizeBytes)) {
            throw new StateError("INVALID_ARGUMENT", `the reference to ${file.name} is not the one that adding the file returned`, {
              details: { name: file.name },
            });
          }
          await this.verifyFile(file, "sizes");
        }),
      );
    }
  }

  async #writeManifest(id: number, bytes: Uint8Array): Promise<void> {
    const { fileSystem, directory, nonce } = this.#options;
    const target = {
      directory: directory.checkpointPath(id),
      name: manifestName,
      temporaryName: temporaryName(this.generation, nonce(), manifestName),
    };
    if (!(await createIfAbsent(fileSystem, target, bytes))) {
      throw new StateError("CHECKPOINT_FAILED", `checkpoint ${id} has a manifest of another coordinator: begin one with a higher id`, {
        details: { id },
      });
    }
  }

  async #abort(pending: PendingCheckpoint): Promise<void> {
    if (pending.state !== "open") {
      return;
    }
    pending.state = "aborted";
    this.#pending.delete(pending.id);
    // After a takeover or an unclear append the record may exist, so its manifest must too. The directory stays: it keeps the id used.
    if (pending.hasManifest && this.#options.log.failure === undefined) {
      await this.#options.fileSystem.removeFile(this.#options.directory.manifestPath(pending.id));
    }
  }

  /** A newer coordinator may have deleted what the action needed; then the takeover is the error to report, not the missing file. */
  async #orFenced<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const { log } = this.#options;
      if (log.failure === undefined) {
        await log.requireHeldBy(this.generation).catch(() => undefined);
      }
      throw log.failure ?? error;
    }
  }

  #requireUsable(): void {
    if (this.#options.log.failure !== undefined) {
      throw this.#options.log.failure;
    }
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

interface PendingActions {
  complete(manifest: ManifestContent, files: readonly FileReference[]): Promise<CompletedCheckpoint>;
  abort(): Promise<void>;
}

class PendingCheckpoint implements PendingCheckpointFiles {
  readonly id: number;
  readonly files: SnapshotFiles;
  state: "open" | "complete" | "aborted" = "open";
  /** Whether this lease surely created the manifest; only then may an abort delete it. Others are left to garbage collection. */
  hasManifest = false;
  readonly #actions: PendingActions;

  constructor(id: number, files: SnapshotFiles, actions: PendingActions) {
    this.id = id;
    this.files = files;
    this.#actions = actions;
  }

  complete(manifest: ManifestContent, files: readonly FileReference[]): Promise<CompletedCheckpoint> {
    return this.#actions.complete(manifest, files);
  }

  abort(): Promise<void> {
    return this.#actions.abort();
  }
}

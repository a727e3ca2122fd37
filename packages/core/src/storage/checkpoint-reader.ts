import { join } from "node:path";
import { StateError } from "../errors/index.js";
import { fileDamaged, fileMissing, type NamedFile } from "./checkpoint-file-errors.js";
import type { CheckpointReader, CompletedCheckpoint } from "./checkpoint-storage.js";
import { announcedIn, type CommitLog } from "./commit-log.js";
import { errnoOf } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import type { JobDirectory } from "./job-directory.js";
import type { CheckpointManifest, FileReference } from "./manifest.js";
import { requireManifestOf } from "./manifest-codec.js";
import { ManifestFiles } from "./manifest-files.js";
import { requireSafeName } from "./names.js";
import { SuspectFiles } from "./suspect-files.js";

/** Reads the checkpoints of a job in a directory; needs no lease and never writes. */
export class DirectoryCheckpointReader implements CheckpointReader {
  readonly #fileSystem: FileSystem;
  readonly #directory: JobDirectory;
  readonly #log: CommitLog;
  readonly #manifests: ManifestFiles;

  constructor(fileSystem: FileSystem, directory: JobDirectory, log: CommitLog) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#log = log;
    this.#manifests = new ManifestFiles(fileSystem, directory);
  }

  async list(): Promise<CompletedCheckpoint[]> {
    if (!(await this.#directory.isOurs())) {
      return [];
    }
    return announcedIn(await this.#log.read());
  }

  async readManifest(checkpoint: CompletedCheckpoint): Promise<CheckpointManifest> {
    const path = this.#directory.manifestPath(checkpoint.id);
    const manifest = await this.#manifests.read(checkpoint.id, checkpoint.manifestSha256);
    if (manifest === undefined) {
      const message = `checkpoint ${checkpoint.id} has no manifest ${path}: it was deleted; use another checkpoint`;
      throw new StateError("CHECKPOINT_NOT_FOUND", message, { details: { checkpoint: checkpoint.id, path } });
    }
    requireManifestOf(manifest, { job: this.#directory.job, id: checkpoint.id, generation: checkpoint.generation }, path);
    return manifest;
  }

  pathOf(file: FileReference): string {
    return join(this.#directory.shared, requireSafeName(file.name, "a checkpoint"));
  }

  async verifyFile(file: FileReference, level: "sizes" | "checksums", signal?: AbortSignal): Promise<void> {
    const path = this.pathOf(file);
    const status = await this.#fileSystem.stat(path);
    const details = { name: file.name, path };
    if (status === undefined) {
      throw fileMissing(details);
    }
    if (status.kind !== "file") {
      const message = `${path} is not a regular file: a link may lead anywhere and is not followed`;
      throw new StateError("CHECKPOINT_UNSAFE_NAME", message, { details });
    }
    if (status.sizeBytes !== file.sizeBytes) {
      throw fileDamaged(`${path} has ${status.sizeBytes} bytes instead of ${file.sizeBytes}`, details);
    }
    if (level === "checksums" && (await this.#sha256(path, details, signal)) !== file.sha256) {
      throw fileDamaged(`${path} has another SHA-256 than the checkpoint says`, details);
    }
  }

  suspectFiles(): Promise<ReadonlySet<string>> {
    return new SuspectFiles(this.#fileSystem, this.#directory).names();
  }

  async #sha256(path: string, details: NamedFile, signal?: AbortSignal): Promise<string> {
    try {
      return await this.#fileSystem.sha256(path, signal);
    } catch (error) {
      // A block that the disk cannot read is as lost as one that changed; another copy or checkpoint is the way out of both.
      if (errnoOf(error) === "EIO") {
        throw fileDamaged(`${path} cannot be read (EIO)`, details);
      }
      throw error;
    }
  }
}

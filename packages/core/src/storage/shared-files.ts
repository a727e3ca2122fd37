import { join } from "node:path";
import { fileDamaged } from "./checkpoint-file-errors.js";
import type { ImportedFile, SnapshotFiles } from "./checkpoint-storage.js";
import { alreadyWritten, FileTransfer, isLostWrite } from "./file-transfer.js";
import type { FileSystem } from "./file-system.js";
import type { FileReference } from "./manifest.js";
import { requireSafeName } from "./names.js";
import { UploadPace } from "./upload-pace.js";

export interface SharedFilesOptions {
  readonly fileSystem: FileSystem;
  /** The shared/ directory of a job. */
  readonly directory: string;
  readonly generation: number;
  readonly nonce: () => string;
  /** The highest checkpoint id begun so far: a file put here now may become part of that checkpoint or a later one. */
  readonly highestBegun: () => number;
  /** Default: four files at a time, no limit of the rate, no retries. */
  readonly pace?: UploadPace;
}

/** A file that this lease put into shared/, or is putting there. */
interface OwnFile {
  /** Undefined while it is being written. */
  reference: FileReference | undefined;
  /** The highest checkpoint id begun when it was last put here. */
  usedAt: number;
}

/** Puts files into shared/ and remembers which are this lease's own, so that garbage collection leaves unfinished ones alone. */
export class SharedFiles implements SnapshotFiles {
  readonly generation: number;
  readonly #options: SharedFilesOptions;
  readonly #pace: UploadPace;
  readonly #transfer: FileTransfer;
  readonly #own = new Map<string, OwnFile>();
  /** One action per name at a time: writing it or deleting it. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Names that this lease linked but did not finish, because hashing failed or was aborted; to be taken up again. */
  readonly #unfinished = new Set<string>();
  /** Names whose fsync failed: what is on the disk is not known and never will be. */
  readonly #lost = new Map<string, unknown>();

  constructor(options: SharedFilesOptions) {
    this.generation = options.generation;
    this.#options = options;
    this.#pace = options.pace ?? new UploadPace();
    this.#transfer = new FileTransfer({ ...options, pace: this.#pace });
  }

  async addFile(localPath: string, name: string, signal?: AbortSignal): Promise<FileReference> {
    return this.#put(name, signal, async () => {
      if (!this.#unfinished.has(name)) {
        await this.#transfer.linkOrCopy(localPath, name, signal);
        this.#unfinished.add(name);
      }
      // A link shares the backend's own file, which may not have been fsynced; a synced file costs next to nothing.
      await this.#sync(name, signal);
      const reference = await this.#transfer.describe(join(this.#options.directory, name), name, signal);
      this.#unfinished.delete(name);
      return reference;
    });
  }

  async writeFile(name: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<FileReference> {
    let isWritten = false;
    const reference = await this.#put(name, signal, () => {
      isWritten = true;
      return this.#transfer.stream(name, chunks, signal);
    });
    if (!isWritten) {
      throw alreadyWritten(name);
    }
    return reference;
  }

  /** See CheckpointLease.importFile. */
  async importFile(path: string, name: string, source: FileReference, signal?: AbortSignal): Promise<ImportedFile> {
    let isLinked = false;
    const reference = await this.#put(name, signal, async () => {
      const to = join(this.#options.directory, name);
      isLinked = (await this.#transfer.linkOrCopy(path, name, signal)) === "linked";
      try {
        const sizeBytes = (await this.#options.fileSystem.stat(to))?.sizeBytes;
        const isWhole =
          sizeBytes === source.sizeBytes && (isLinked || (await this.#transfer.describe(to, name, signal)).sha256 === source.sha256);
        if (!isWhole) {
          throw fileDamaged(`${path} has another size or SHA-256 than the checkpoint says`, { name: source.name, path });
        }
      } catch (error) {
        await this.#options.fileSystem.removeFile(to).catch(() => undefined);
        throw error;
      }
      return { ...source, name };
    });
    return { reference, isLinked };
  }

  /** What this lease wrote under `name`, if it did. */
  referenceOf(name: string): FileReference | undefined {
    return this.#own.get(name)?.reference;
  }

  /** Whether a checkpoint with an id above `newestAnnounced` may still come to need an own file that none names now. */
  mayBeNeeded(name: string, newestAnnounced: number): boolean {
    const own = this.#own.get(name);
    return this.#busy.has(name) || (own !== undefined && (own.reference === undefined || own.usedAt >= newestAnnounced));
  }

  /** Deletes a file; a request to put it back waits and then writes it anew. The caller has made sure that nothing names it. */
  async delete(name: string): Promise<void> {
    this.#own.delete(name);
    this.#unfinished.delete(name);
    const removal = this.#options.fileSystem.removeFile(join(this.#options.directory, requireSafeName(name, "garbage collection")));
    await this.#whileBusy(name, removal);
  }

  async #put(name: string, signal: AbortSignal | undefined, write: () => Promise<FileReference>): Promise<FileReference> {
    requireSafeName(name, "a snapshot");
    for (;;) {
      const own = this.#own.get(name);
      if (own?.reference !== undefined) {
        own.usedAt = this.#options.highestBegun();
        return own.reference;
      }
      const busy = this.#busy.get(name);
      if (busy === undefined) {
        break;
      }
      // Whoever is at it may fail for a reason of its own, such as its caller's abort; then this request tries itself.
      await busy.catch(() => undefined);
    }
    if (this.#lost.has(name)) {
      throw this.#lost.get(name);
    }
    const file: OwnFile = { reference: undefined, usedAt: this.#options.highestBegun() };
    this.#own.set(name, file);
    try {
      file.reference = await this.#whileBusy(name, this.#pace.inTurn(write, signal));
      return file.reference;
    } catch (error) {
      this.#own.delete(name);
      throw error;
    }
  }

  async #sync(name: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#transfer.sync(name, signal);
    } catch (error) {
      if (isLostWrite(error)) {
        this.#lost.set(name, error);
      }
      throw error;
    }
  }

  async #whileBusy<T>(name: string, action: Promise<T>): Promise<T> {
    this.#busy.set(name, action);
    try {
      return await action;
    } finally {
      this.#busy.delete(name);
    }
  }
}

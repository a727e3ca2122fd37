import { join } from "node:path";
import { StateError } from "../errors/index.js";
import type { SnapshotFiles } from "./checkpoint-storage.js";
import { errnoOf, isLinkImpossible } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";
import type { FileReference } from "./manifest.js";
import { requireSafeName, temporaryName } from "./names.js";

export interface SharedFilesOptions {
  readonly fileSystem: FileSystem;
  /** The shared/ directory of a job. */
  readonly directory: string;
  readonly generation: number;
  readonly nonce: () => string;
  /** The highest checkpoint id begun so far: a file put here now may become part of that checkpoint or a later one. */
  readonly highestBegun: () => number;
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
  readonly #own = new Map<string, OwnFile>();
  /** One action per name at a time: writing it or deleting it. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Names that this lease linked but did not finish, because hashing failed or was aborted; to be taken up again. */
  readonly #unfinished = new Set<string>();

  constructor(options: SharedFilesOptions) {
    this.generation = options.generation;
    this.#options = options;
  }

  async addFile(localPath: string, name: string, signal?: AbortSignal): Promise<FileReference> {
    return this.#put(name, async () => {
      const to = join(this.#options.directory, name);
      if (!this.#unfinished.has(name)) {
        await this.#linkOrCopy(localPath, to, name, signal);
        this.#unfinished.add(name);
      }
      // A link shares the backend's own file, which may not have been fsynced; a synced file costs next to nothing.
      await this.#options.fileSystem.syncFile(to);
      const reference = await this.#describe(to, name, signal);
      this.#unfinished.delete(name);
      return reference;
    });
  }

  async writeFile(name: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<FileReference> {
    let isWritten = false;
    const reference = await this.#put(name, async () => {
      isWritten = true;
      const { fileSystem, directory } = this.#options;
      const temporary = join(directory, temporaryName(this.generation, this.#options.nonce(), name));
      try {
        await this.#requireAbsent(name);
        await this.#stream(temporary, chunks, signal);
        const described = await this.#describe(temporary, name, signal);
        await fileSystem.rename(temporary, join(directory, name));
        return described;
      } catch (error) {
        await fileSystem.removeFile(temporary).catch(() => undefined);
        throw error;
      }
    });
    if (!isWritten) {
      throw alreadyWritten(name);
    }
    return reference;
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

  async #put(name: string, write: () => Promise<FileReference>): Promise<FileReference> {
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
    const file: OwnFile = { reference: undefined, usedAt: this.#options.highestBegun() };
    this.#own.set(name, file);
    try {
      file.reference = await this.#whileBusy(name, write());
      return file.reference;
    } catch (error) {
      this.#own.delete(name);
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

  async #linkOrCopy(from: string, to: string, name: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { fileSystem, directory } = this.#options;
    if (fileSystem.capabilities.hardLinks) {
      try {
        await fileSystem.link(from, to);
        return;
      } catch (error) {
        if (errnoOf(error) === "EEXIST") {
          throw alreadyWritten(name, error);
        }
        if (!isLinkImpossible(error)) {
          throw error;
        }
      }
    }
    await this.#requireAbsent(name);
    const temporary = join(directory, temporaryName(this.generation, this.#options.nonce(), name));
    try {
      await fileSystem.copyFile(from, temporary, signal);
      await fileSystem.rename(temporary, to);
    } catch (error) {
      await fileSystem.removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #stream(path: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const file = await this.#options.fileSystem.createFile(path);
    try {
      for await (const chunk of chunks) {
        signal?.throwIfAborted();
        await file.write(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Size and hash of what is stored, not of what was meant to be: the file is read back before anything announces it. */
  async #describe(path: string, name: string, signal?: AbortSignal): Promise<FileReference> {
    const sha256 = await this.#options.fileSystem.sha256(path, signal);
    const status = await this.#options.fileSystem.stat(path);
    if (status?.kind !== "file") {
      const message = `${path} vanished while it was written: does another program clean this directory?`;
      throw new StateError("IO", message, { details: { path } });
    }
    return { name, sizeBytes: status.sizeBytes, sha256 };
  }

  async #requireAbsent(name: string): Promise<void> {
    if ((await this.#options.fileSystem.stat(join(this.#options.directory, name))) !== undefined) {
      throw alreadyWritten(name);
    }
  }
}

function alreadyWritten(name: string, cause?: unknown): StateError {
  return new StateError(
    "INVALID_ARGUMENT",
    `the file ${name} was written before: a name is used once, so put generation, subtask and a counter into it`,
    { details: { name }, ...(cause === undefined ? {} : { cause }) },
  );
}

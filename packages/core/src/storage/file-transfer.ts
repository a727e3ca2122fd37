import { join } from "node:path";
import { StateError } from "../errors/index.js";
import { errnoOf, isLinkImpossible } from "./file-errors.js";
import type { FileSystem, GrowingHash, WritableFile } from "./file-system.js";
import type { FileReference } from "./manifest.js";
import { temporaryName } from "./names.js";
import { isTransient, type UploadPace } from "./upload-pace.js";

export interface FileTransferOptions {
  readonly fileSystem: FileSystem;
  /** Where files go. */
  readonly directory: string;
  readonly generation: number;
  readonly nonce: () => string;
  readonly pace: UploadPace;
}

/** Moves bytes into a directory of checkpoint files: by link, by copy, from a stream; each under a temporary name first. */
export class FileTransfer {
  readonly #options: FileTransferOptions;

  constructor(options: FileTransferOptions) {
    this.#options = options;
  }

  /** Throws INVALID_ARGUMENT when `name` exists, the signal's reason, and errors of the file system that no retry cured. */
  async linkOrCopy(from: string, name: string, signal?: AbortSignal): Promise<"linked" | "copied"> {
    const { fileSystem, pace } = this.#options;
    signal?.throwIfAborted();
    if (fileSystem.capabilities.hardLinks) {
      try {
        await this.#link(from, name, signal);
        return "linked";
      } catch (error) {
        if (!isLinkImpossible(error)) {
          throw error;
        }
      }
    }
    await this.#requireAbsent(name);
    const status = await fileSystem.stat(from);
    await pace.take(status?.sizeBytes ?? 0, signal);
    // Each attempt writes all bytes to a new file, so one that failed to reach the disk is not trusted again (rule 25).
    await pace.retrying(() => this.#copy(from, name, signal), signal);
    return "copied";
  }

  /**
   * Streams chunks to `name` and returns what is stored. A chunk is written, and what was written is read back to be hashed, while the
   * next one is made. Only steps before the first chunk and after the last are retried.
   */
  async stream(name: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<FileReference> {
    const { fileSystem, directory, pace } = this.#options;
    const temporary = this.#temporary(name);
    const hash = fileSystem.hashGrowing(temporary, signal);
    try {
      await this.#requireAbsent(name);
      const file = await pace.retrying(() => fileSystem.createFile(temporary), signal);
      try {
        await this.#writeAll(file, chunks, hash, signal);
        await file.sync();
      } finally {
        await file.close();
      }
      const described = await this.describe(temporary, name, signal, hash);
      await fileSystem.rename(temporary, join(directory, name));
      return described;
    } catch (error) {
      hash.cancel();
      await fileSystem.removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #writeAll(file: WritableFile, chunks: AsyncIterable<Uint8Array>, hash: GrowingHash, signal?: AbortSignal): Promise<void> {
    let writing = Promise.resolve();
    try {
      for await (const chunk of chunks) {
        signal?.throwIfAborted();
        await this.#options.pace.take(chunk.length, signal);
        await writing;
        writing = file.write(chunk).then(() => hash.grown(file.sizeBytes));
        // Thrown when the next chunk is there.
        writing.catch(() => undefined);
      }
    } catch (error) {
      // The file must not be closed meanwhile.
      await writing.catch(() => undefined);
      throw error;
    }
    await writing;
  }

  /** Size and hash of what is stored, not of what was meant to be: the file is read back before anything announces it. */
  async describe(path: string, name: string, signal?: AbortSignal, begun?: GrowingHash): Promise<FileReference> {
    const { fileSystem, pace } = this.#options;
    let first = begun;
    const hash = (): Promise<string> => {
      const growing = first;
      first = undefined;
      return growing === undefined ? fileSystem.sha256(path, signal) : growing.digest();
    };
    const sha256 = await pace.retrying(hash, signal);
    const status = await fileSystem.stat(path);
    if (status?.kind !== "file") {
      const message = `${path} vanished while it was written: does another program clean this directory?`;
      throw new StateError("IO", message, { details: { path } });
    }
    return { name, sizeBytes: status.sizeBytes, sha256 };
  }

  /**
   * Makes a linked file's bytes durable. An error of fsync itself is final: Linux then takes the lost pages for written, so a second
   * fsync would succeed (rule 25). Only failing to open the file is tried again.
   */
  async sync(name: string, signal?: AbortSignal): Promise<void> {
    const { fileSystem, directory, pace } = this.#options;
    const again = (error: unknown): boolean => isTransient(error) && !isLostWrite(error);
    await pace.retrying(() => fileSystem.syncFile(join(directory, name)), signal, again);
  }

  /** An earlier attempt may have made the link although it failed; then what is there is the source, which is compared. */
  async #link(from: string, name: string, signal?: AbortSignal): Promise<void> {
    const { fileSystem, directory, pace } = this.#options;
    const to = join(directory, name);
    let isFirst = true;
    await pace.retrying(async () => {
      try {
        await fileSystem.link(from, to);
      } catch (error) {
        if (errnoOf(error) !== "EEXIST") throw error;
        if (isFirst || (await fileSystem.sha256(from, signal)) !== (await fileSystem.sha256(to, signal))) throw alreadyWritten(name, error);
      } finally {
        isFirst = false;
      }
    }, signal);
  }

  async #copy(from: string, name: string, signal?: AbortSignal): Promise<void> {
    const { fileSystem, directory } = this.#options;
    const temporary = this.#temporary(name);
    try {
      // Hashed or not, this copies on a thread of low priority, where copyFile() would compete with the one that processes records.
      await fileSystem.copyHashed(from, temporary, signal);
      await fileSystem.syncFile(temporary);
      await fileSystem.rename(temporary, join(directory, name));
    } catch (error) {
      await fileSystem.removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #requireAbsent(name: string): Promise<void> {
    if ((await this.#options.fileSystem.stat(join(this.#options.directory, name))) !== undefined) {
      throw alreadyWritten(name);
    }
  }

  #temporary(name: string): string {
    return join(this.#options.directory, temporaryName(this.#options.generation, this.#options.nonce(), name));
  }
}

/** Whether a failed fsync may have dropped bytes that were to be written. */
export function isLostWrite(error: unknown): boolean {
  return ["EIO", "ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");
}

/** The refusal to use a file name twice. */
export function alreadyWritten(name: string, cause?: unknown): StateError {
  return new StateError(
    "INVALID_ARGUMENT",
    `the file ${name} was written before: a name is used once, so put generation, subtask and a counter into it`,
    { details: { name }, ...(cause === undefined ? {} : { cause }) },
  );
}

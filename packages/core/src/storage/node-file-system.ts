import { createHash } from "node:crypto";
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { defaultReadLimitBytes, errnoOf, fileError, tooLargeToRead, tooShortToAppend, type FileAccess } from "./file-errors.js";
import type {
  DirectoryEntry, FileStatus, FileSystem, FileSystemCapabilities, GrowingHash, ReadableFile, WritableFile,
} from "./file-system.js";
import { GrowingFileHash } from "./growing-file-hash.js";
import { HashPool } from "./hash-pool.js";
import { HashWorkerUnavailable } from "./hash-worker.js";

/**
 * The operating system's files. The only module of this package that imports node:fs. Hashing runs on threads of low
 * priority, and copies that are hashed too; other copies in libuv's pool. `close()` ends those threads; without it they end with the
 * process.
 */
export class NodeFileSystem implements FileSystem {
  /** What the platform offers; a directory may still refuse (link then fails with EPERM or EXDEV). */
  readonly capabilities: FileSystemCapabilities = { hardLinks: true };
  readonly #hashes = new HashPool();

  async readFile(path: string, options: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    const maxBytes = options.maxBytes ?? defaultReadLimitBytes;
    const file = await this.openForRead(path);
    try {
      if (file.sizeBytes > maxBytes) {
        throw tooLargeToRead(path, file.sizeBytes, maxBytes);
      }
      return await file.read(0, file.sizeBytes);
    } finally {
      await file.close();
    }
  }

  async createFile(path: string): Promise<WritableFile> {
    return new NodeWritableFile(path, await attempt("create", path, "write", () => fs.open(path, "wx")), 0);
  }

  async openForAppend(path: string, lengthBytes: number): Promise<WritableFile> {
    const handle = await attempt("open", path, "write", () => fs.open(path, "r+"));
    try {
      const { size } = await handle.stat();
      if (size < lengthBytes) {
        throw tooShortToAppend(path, size, lengthBytes);
      }
      if (size > lengthBytes) {
        await handle.truncate(lengthBytes);
      }
      return new NodeWritableFile(path, handle, lengthBytes);
    } catch (error) {
      await handle.close();
      throw fileError("append to", path, error, "write");
    }
  }

  async openForRead(path: string): Promise<ReadableFile> {
    const handle = await attempt("open", path, "read", () => fs.open(path, "r"));
    try {
      const status = await handle.stat();
      if (!status.isFile()) {
        throw Object.assign(new Error("EISDIR: not a regular file"), { code: "EISDIR" });
      }
      return new NodeReadableFile(path, handle, status.size);
    } catch (error) {
      await handle.close();
      throw fileError("open", path, error, "read");
    }
  }

  async stat(path: string): Promise<FileStatus | undefined> {
    try {
      const status = await fs.lstat(path);
      return { kind: kindOf(status), sizeBytes: status.size, modifiedMs: status.mtimeMs };
    } catch (error) {
      if (isAbsent(error)) {
        return undefined;
      }
      throw fileError("look at", path, error, "read");
    }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    try {
      const entries = await fs.readdir(path, { withFileTypes: true });
      return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") {
        return [];
      }
      throw fileError("list", path, error, "read");
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt("create the directory", path, "write", () => fs.mkdir(path, { recursive: true }));
  }

  async removeFile(path: string): Promise<void> {
    try {
      await fs.unlink(path);
    } catch (error) {
      if (!isAbsent(error)) {
        throw fileError("remove", path, error, "write");
      }
    }
  }

  async removeDirectory(path: string): Promise<void> {
    await attempt("remove the directory", path, "write", () => fs.rm(path, { recursive: true, force: true }));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(`rename ${from} to`, to, "write", () => fs.rename(from, to));
  }

  async link(from: string, to: string): Promise<void> {
    await attempt(`link ${from} to`, to, "link", () => fs.link(from, to));
  }

  /** libuv cannot be stopped in the middle of a copy, so an abort takes effect at its end. Rejects with the signal's reason. */
  async copyFile(from: string, to: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    try {
      await fs.copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      // libuv has removed its partial copy by now; removing here could take a file that was there before.
      throw fileError(`copy ${from} to`, to, error, "write");
    }
    try {
      signal?.throwIfAborted();
      await this.syncFile(to);
    } catch (error) {
      await this.removeFile(to);
      throw error;
    }
  }

  async copyHashed(from: string, to: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    try {
      return await this.#hashes.copy(from, to, signal);
    } catch (error) {
      if (signal?.aborted === true) {
        throw error;
      }
      if (!(error instanceof HashWorkerUnavailable)) {
        throw fileError(`copy ${from} to`, to, error, "write");
      }
    }
    // Where a thread died half-way, what it left is in the way of this: it could as well be another's file.
    await this.copyFile(from, to, signal);
    return this.#sha256Here(to, signal);
  }

  async syncDirectory(path: string): Promise<void> {
    if (process.platform === "win32") {
      return; // A directory cannot be opened for a flush there; NTFS journals its metadata.
    }
    await this.#sync(path, "sync the directory", "r");
  }

  async syncFile(path: string): Promise<void> {
    await this.#sync(path, "sync", process.platform === "win32" ? "r+" : "r");
  }

  async sha256(path: string, signal?: AbortSignal): Promise<string> {
    return await this.#hashed(path, signal, () => this.#hashes.hash(path, signal));
  }

  hashGrowing(path: string, signal?: AbortSignal): GrowingHash {
    return new GrowingFileHash(this.#hashes, path, signal, (hash) => this.#hashed(path, signal, hash));
  }

  /** Ends the hashing threads. The file system stays usable; the next hash starts a new one. */
  async close(): Promise<void> {
    await this.#hashes.close();
  }

  async #sync(path: string, operation: string, flags: string): Promise<void> {
    const handle = await attempt(operation, path, "write", () => fs.open(path, flags));
    try {
      await handle.sync();
    } catch (error) {
      throw fileError(operation, path, error, "write");
    } finally {
      await handle.close();
    }
  }

  /** What a hashing thread gives, or the same without one. */
  async #hashed(path: string, signal: AbortSignal | undefined, hash: () => Promise<string>): Promise<string> {
    signal?.throwIfAborted();
    try {
      return await hash();
    } catch (error) {
      if (signal?.aborted === true) {
        throw error;
      }
      if (error instanceof HashWorkerUnavailable) {
        return this.#sha256Here(path, signal);
      }
      throw fileError("hash", path, error, "read");
    }
  }

  /** Without a hashing thread: 1 MiB at a time, so that other work of this thread runs in between. */
  async #sha256Here(path: string, signal?: AbortSignal): Promise<string> {
    const hash = createHash("sha256");
    const file = await this.openForRead(path);
    try {
      for (let offset = 0; ; ) {
        signal?.throwIfAborted();
        const chunk = await file.read(offset, 1 << 20);
        if (chunk.length === 0) {
          return hash.digest("hex");
        }
        hash.update(chunk);
        offset += chunk.length;
      }
    } finally {
      await file.close();
    }
  }
}

class NodeWritableFile implements WritableFile {
  readonly #path: string;
  readonly #handle: fs.FileHandle;
  #sizeBytes: number;
  #failure: Error | undefined;

  constructor(path: string, handle: fs.FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#once("write", async () => {
      for (let offset = 0; offset < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, offset, bytes.length - offset, this.#sizeBytes);
        offset += bytesWritten;
        this.#sizeBytes += bytesWritten;
      }
    });
  }

  async sync(): Promise<void> {
    await this.#once("sync", () => this.#handle.sync());
  }

  async close(): Promise<void> {
    await attempt("close", this.#path, "write", () => this.#handle.close());
  }

  /**
   * After a failed write or fsync the file is not used again: Linux marks the pages clean once it reported the failure, so a second
   * fsync succeeds although the bytes are gone (rule 25).
   */
  async #once(operation: string, action: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    try {
      await action();
    } catch (error) {
      this.#failure = fileError(operation, this.#path, error, "write");
      throw this.#failure;
    }
  }
}

class NodeReadableFile implements ReadableFile {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #handle: fs.FileHandle;

  constructor(path: string, handle: fs.FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.sizeBytes - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await attempt("read", this.#path, "read", () =>
        this.#handle.read(bytes, filled, bytes.length - filled, offset + filled),
      );
      if (bytesRead === 0) {
        break;
      }
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }

  async close(): Promise<void> {
    await attempt("close", this.#path, "read", () => this.#handle.close());
  }
}

async function attempt<T>(operation: string, path: string, access: FileAccess, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileError(operation, path, error, access);
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): "file" | "directory" | "other" {
  return entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other";
}

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}

/**
 * The one door to files. Everything that stores bytes takes a FileSystem, so that tests can lose what was not
 * fsynced (MemoryFileSystem) or fail any call (FaultyFileSystem). Paths are absolute or relative to the process;
 * all errors are StateError: NO_SPACE (ENOSPC, EDQUOT), DIRECTORY_NOT_WRITABLE (EACCES, EPERM, EROFS on a write), IO (the rest,
 * with `details.errno` such as "ENOENT").
 */
export interface FileSystem {
  readonly capabilities: FileSystemCapabilities;
  /** Reads a whole file. Refuses one larger than `maxBytes` (default 64 MiB) with IO, before reading it. */
  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array>;
  /** Creates a file that must not exist yet. */
  createFile(path: string): Promise<WritableFile>;
  /** Opens an existing file for appending, after cutting it to `lengthBytes`. A file shorter than that is an IO error. */
  openForAppend(path: string, lengthBytes: number): Promise<WritableFile>;
  openForRead(path: string): Promise<ReadableFile>;
  /** Undefined when there is nothing at `path`. Symbolic links are not followed. */
  stat(path: string): Promise<FileStatus | undefined>;
  /** Entries of a directory, sorted by name; empty when the directory does not exist. */
  list(path: string): Promise<DirectoryEntry[]>;
  /** Creates a directory and its missing parents. */
  makeDirectory(path: string): Promise<void>;
  /** Removes a file; nothing happens when it is not there. */
  removeFile(path: string): Promise<void>;
  /** Removes a directory with all in it; nothing happens when it is not there. */
  removeDirectory(path: string): Promise<void>;
  /** Replaces `to` if it exists. Durable only after syncDirectory of the parent. */
  rename(from: string, to: string): Promise<void>;
  /** Hard link; fails with IO when `to` exists (errno EEXIST) or links are not possible (EPERM, EMLINK, EXDEV). */
  link(from: string, to: string): Promise<void>;
  /** Copies bytes to a new file and fsyncs it; `to` must not exist. A partial copy is removed when it fails. */
  copyFile(from: string, to: string, signal?: AbortSignal): Promise<void>;
  /**
   * Copies bytes to a new file and gives their SHA-256, lower-case hex, in one pass and off the calling thread where the platform can. Not
   * fsynced: for files that nobody needs after a crash. `to` must not exist; a partial copy is removed when it fails.
   */
  copyHashed(from: string, to: string, signal?: AbortSignal): Promise<string>;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** fsync of an existing file's contents. */
  syncFile(path: string): Promise<void>;
  /** SHA-256 of a file, lower-case hex, computed off the calling thread where the platform can. */
  sha256(path: string, signal?: AbortSignal): Promise<string>;
  /** The same for a file that is still being written, read while it grows. End it with digest() or cancel(). */
  hashGrowing(path: string, signal?: AbortSignal): GrowingHash;
}

/** The hash of a file that is still being written, as it can be read from the file system. */
export interface GrowingHash {
  /** So many bytes of the file are written now. */
  grown(sizeBytes: number): void;
  /** SHA-256 of the whole file, which is complete, lower-case hex. Throws as FileSystem.sha256() does. */
  digest(): Promise<string>;
  /** Nobody wants the hash any more. Does nothing after digest(). */
  cancel(): void;
}

export interface FileSystemCapabilities {
  readonly hardLinks: boolean;
}

export interface FileStatus {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  /** Last modification, milliseconds since the epoch. */
  readonly modifiedMs: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export interface WritableFile {
  /** Bytes written so far, including what was there when opened for appending. */
  readonly sizeBytes: number;
  /** Appends all of `bytes`. The array may be reused once the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadableFile {
  readonly sizeBytes: number;
  /** Reads up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Files written by calls that return when it is done: for a log whose every record must be on the disk before the call that made it
 * returns. Blocks the thread; everything else uses FileSystem. Errors are those of FileSystem.
 */
export interface SyncFileSystem {
  /** Creates a file that must not exist yet. */
  createFile(path: string): SyncWritableFile;
  /** Makes creations and removals in a directory durable. */
  syncDirectory(path: string): void;
}

export interface SyncWritableFile {
  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): void;
  /** fdatasync: contents and size are on the disk when it returns. */
  sync(): void;
  close(): void;
}

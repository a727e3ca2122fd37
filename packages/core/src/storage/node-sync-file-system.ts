import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { fileError } from "./file-errors.js";
import type { SyncFileSystem, SyncWritableFile } from "./sync-file-system.js";

/** The operating system's files, written by blocking calls. */
export class NodeSyncFileSystem implements SyncFileSystem {
  createFile(path: string): SyncWritableFile {
    const descriptor = attempt("create", path, () => openSync(path, "wx"));
    let sizeBytes = 0;
    return {
      write(bytes) {
        attempt("write", path, () => {
          for (let offset = 0; offset < bytes.length; ) {
            const written = writeSync(descriptor, bytes, offset, bytes.length - offset, sizeBytes);
            offset += written;
            sizeBytes += written;
          }
        });
      },
      sync: () => attempt("sync", path, () => fdatasyncSync(descriptor)),
      close: () => attempt("close", path, () => closeSync(descriptor)),
    };
  }

  syncDirectory(path: string): void {
    if (process.platform === "win32") return; // A directory cannot be opened for a flush there; NTFS journals its metadata.
    attempt("sync the directory", path, () => {
      const descriptor = openSync(path, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }
}

function attempt<T>(operation: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(operation, path, error, "write");
  }
}

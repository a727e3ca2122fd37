import { changingOperations, type FileOperation, type FileSystem, type WritableFile } from "@tidemark/core/storage";

/** When the process ends: before a call, after it, or with half of what it was to write. */
export type Moment = "before" | "amid" | "after";

/** A call that changes files. */
export interface ChangingCall {
  /** 0 for the first. */
  readonly index: number;
  readonly operation: FileOperation;
  readonly path: string;
}

export interface BreakingFileSystem {
  readonly fileSystem: FileSystem;
  /** Calls so far that changed something. */
  readonly count: () => number;
}

/**
 * A file system that calls `end` at the n-th call that changes something. What RocksDB does with files by itself does not pass here.
 */
export function breakingFileSystem(inner: FileSystem, n: number, moment: Moment, end: (call: ChangingCall) => void): BreakingFileSystem {
  let count = 0;
  const guarded = async <T>(operation: FileOperation, path: string, run: () => Promise<T>, half?: () => Promise<void>): Promise<T> => {
    if (!changingOperations.has(operation)) return await run();
    const call = { index: count, operation, path };
    count += 1;
    if (call.index !== n) return await run();
    if (moment === "before") end(call);
    if (moment === "amid" && half !== undefined) {
      await half();
      end(call);
    }
    const result = await run();
    // A process that was only stopped goes on from the end there was before.
    if (moment === "after" || (moment === "amid" && half === undefined)) end(call);
    return result;
  };
  const writable = (path: string, file: WritableFile): WritableFile => ({
    get sizeBytes() {
      return file.sizeBytes;
    },
    write: (bytes) =>
      guarded("write", path, () => file.write(bytes), () => file.write(bytes.slice(0, bytes.length >> 1))),
    sync: () => guarded("sync", path, () => file.sync()),
    close: () => file.close(),
  });
  const fileSystem: FileSystem = {
    capabilities: inner.capabilities,
    readFile: (path, options) => inner.readFile(path, options),
    createFile: async (path) => writable(path, await guarded("createFile", path, () => inner.createFile(path))),
    openForAppend: async (path, lengthBytes) =>
      writable(path, await guarded("openForAppend", path, () => inner.openForAppend(path, lengthBytes))),
    openForRead: (path) => inner.openForRead(path),
    stat: (path) => inner.stat(path),
    list: (path) => inner.list(path),
    makeDirectory: (path) => guarded("makeDirectory", path, () => inner.makeDirectory(path)),
    removeFile: (path) => guarded("removeFile", path, () => inner.removeFile(path)),
    removeDirectory: (path) => guarded("removeDirectory", path, () => inner.removeDirectory(path), () => removeHalf(inner, path)),
    rename: (from, to) => guarded("rename", to, () => inner.rename(from, to)),
    link: (from, to) => guarded("link", to, () => inner.link(from, to)),
    copyFile: (from, to, signal) => guarded("copyFile", to, () => inner.copyFile(from, to, signal), () => copyHalf(inner, from, to)),
    copyHashed: (from, to, signal) => guarded("copyHashed", to, () => inner.copyHashed(from, to, signal), () => copyHalf(inner, from, to)),
    syncDirectory: (path) => guarded("syncDirectory", path, () => inner.syncDirectory(path)),
    syncFile: (path) => guarded("syncFile", path, () => inner.syncFile(path)),
    sha256: (path, signal) => inner.sha256(path, signal),
    hashGrowing: (path, signal) => inner.hashGrowing(path, signal),
  };
  return { fileSystem, count: () => count };
}

async function copyHalf(inner: FileSystem, from: string, to: string): Promise<void> {
  const bytes = await inner.readFile(from);
  const file = await inner.createFile(to);
  await file.write(bytes.subarray(0, bytes.length >> 1));
  await file.close();
}

/** Every second file below a directory goes; which ones a real removal leaves is up to the system. */
async function removeHalf(inner: FileSystem, path: string): Promise<void> {
  const entries = await inner.list(path);
  for (const [index, { name, kind }] of entries.entries()) {
    if (kind === "directory") await removeHalf(inner, `${path}/${name}`);
    else if (index % 2 === 0) await inner.removeFile(`${path}/${name}`);
  }
}

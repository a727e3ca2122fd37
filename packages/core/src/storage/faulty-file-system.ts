import { StateError } from "../errors/index.js";
import type {
  DirectoryEntry, FileStatus, FileSystem, FileSystemCapabilities, GrowingHash, ReadableFile, WritableFile,
} from "./file-system.js";

export type FileOperation =
  | "readFile" | "createFile" | "openForAppend" | "openForRead" | "stat" | "list" | "makeDirectory" | "removeFile" | "removeDirectory"
  | "rename" | "link" | "copyFile" | "copyHashed" | "syncDirectory" | "syncFile" | "sha256" | "write" | "sync" | "close" | "read";

/** One call that reached the wrapper. */
export interface FileCall {
  /** 0 for the first call. */
  readonly index: number;
  readonly operation: FileOperation;
  /** The file that is changed: the target of a rename, link or copy. */
  readonly path: string;
  /** The source of a rename, link or copy. */
  readonly from?: string;
}

/**
 * What happens to a call: it fails with an error and does nothing; a write stores half of its bytes and then fails; or the process
 * "dies" right before or after it, and every later call fails too.
 */
export type Fault =
  | { readonly kind: "error"; readonly error: StateError }
  | { readonly kind: "partial-write"; readonly error: StateError }
  | { readonly kind: "crash-before" }
  | { readonly kind: "crash-after" };

/** Asked before each call; undefined lets it through. A promise holds the call back, which is how tests interleave two processes. */
export type FaultPlan = (call: FileCall) => Fault | undefined | Promise<Fault | undefined>;

/** Operations that change something; tests usually fail these. */
export const changingOperations: ReadonlySet<FileOperation> = new Set<FileOperation>([
  "createFile", "openForAppend", "makeDirectory", "removeFile", "removeDirectory", "rename", "link", "copyFile", "copyHashed",
  "syncDirectory", "syncFile", "write", "sync",
]);

/** A plan that applies `fault` to the n-th call (0 for the first) that `matches`. */
export function faultAt(n: number, fault: Fault, matches: (call: FileCall) => boolean = () => true): FaultPlan {
  let seen = 0;
  return (call) => (matches(call) && seen++ === n ? fault : undefined);
}

/** Wraps another FileSystem, records each call and lets a plan fail it, so that a test can break off at every step. */
export class FaultyFileSystem implements FileSystem {
  readonly capabilities: FileSystemCapabilities;
  readonly calls: FileCall[] = [];
  readonly #inner: FileSystem;
  readonly #plan: FaultPlan;
  #isCrashed = false;

  constructor(inner: FileSystem, plan: FaultPlan = () => undefined) {
    this.#inner = inner;
    this.#plan = plan;
    this.capabilities = inner.capabilities;
  }

  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array> {
    return this.#call({ operation: "readFile", path }, () => this.#inner.readFile(path, options));
  }

  async createFile(path: string): Promise<WritableFile> {
    return this.#writable(path, await this.#call({ operation: "createFile", path }, () => this.#inner.createFile(path)));
  }

  async openForAppend(path: string, lengthBytes: number): Promise<WritableFile> {
    const file = await this.#call({ operation: "openForAppend", path }, () => this.#inner.openForAppend(path, lengthBytes));
    return this.#writable(path, file);
  }

  async openForRead(path: string): Promise<ReadableFile> {
    const file = await this.#call({ operation: "openForRead", path }, () => this.#inner.openForRead(path));
    return {
      sizeBytes: file.sizeBytes,
      read: (offset, length) => this.#call({ operation: "read", path }, () => file.read(offset, length)),
      close: () => this.#call({ operation: "close", path }, () => file.close()),
    };
  }

  stat(path: string): Promise<FileStatus | undefined> {
    return this.#call({ operation: "stat", path }, () => this.#inner.stat(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#call({ operation: "list", path }, () => this.#inner.list(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#call({ operation: "makeDirectory", path }, () => this.#inner.makeDirectory(path));
  }

  removeFile(path: string): Promise<void> {
    return this.#call({ operation: "removeFile", path }, () => this.#inner.removeFile(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#call({ operation: "removeDirectory", path }, () => this.#inner.removeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call({ operation: "rename", path: to, from }, () => this.#inner.rename(from, to));
  }

  link(from: string, to: string): Promise<void> {
    return this.#call({ operation: "link", path: to, from }, () => this.#inner.link(from, to));
  }

  copyFile(from: string, to: string, signal?: AbortSignal): Promise<void> {
    return this.#call({ operation: "copyFile", path: to, from }, () => this.#inner.copyFile(from, to, signal));
  }

  copyHashed(from: string, to: string, signal?: AbortSignal): Promise<string> {
    return this.#call({ operation: "copyHashed", path: to, from }, () => this.#inner.copyHashed(from, to, signal));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call({ operation: "syncDirectory", path }, () => this.#inner.syncDirectory(path));
  }

  syncFile(path: string): Promise<void> {
    return this.#call({ operation: "syncFile", path }, () => this.#inner.syncFile(path));
  }

  sha256(path: string, signal?: AbortSignal): Promise<string> {
    return this.#call({ operation: "sha256", path }, () => this.#inner.sha256(path, signal));
  }

  hashGrowing(path: string, signal?: AbortSignal): GrowingHash {
    const hash = this.#inner.hashGrowing(path, signal);
    return {
      grown: (sizeBytes) => hash.grown(sizeBytes),
      digest: () => this.#call({ operation: "sha256", path }, () => hash.digest()),
      cancel: () => hash.cancel(),
    };
  }

  #writable(path: string, file: WritableFile): WritableFile {
    return {
      get sizeBytes() {
        return file.sizeBytes;
      },
      write: (bytes) =>
        this.#call({ operation: "write", path }, () => file.write(bytes), () => file.write(bytes.subarray(0, bytes.length >> 1))),
      sync: () => this.#call({ operation: "sync", path }, () => file.sync()),
      close: () => this.#call({ operation: "close", path }, () => file.close()),
    };
  }

  async #call<T>(call: Omit<FileCall, "index">, run: () => Promise<T>, runHalf?: () => Promise<void>): Promise<T> {
    const recorded = { index: this.calls.length, ...call };
    this.calls.push(recorded);
    this.#checkAlive();
    const fault = await this.#plan(recorded);
    this.#checkAlive();
    switch (fault?.kind) {
      case "error":
        throw fault.error;
      case "partial-write":
        await runHalf?.();
        throw fault.error;
      case "crash-before":
        this.#isCrashed = true;
        break;
      case "crash-after":
        await run().finally(() => (this.#isCrashed = true));
        break;
      case undefined:
        return run();
    }
    this.#checkAlive();
    throw new StateError("INTERNAL", "a crashed file system must not answer");
  }

  #checkAlive(): void {
    if (this.#isCrashed) {
      throw new StateError("IO", "the process crashed here (injected by a test)", { details: { errno: "ECRASH" } });
    }
  }
}

import { createHash } from "node:crypto";
import { defaultReadLimitBytes, errnoError, tooLargeToRead, tooShortToAppend } from "./file-errors.js";
import type {
  DirectoryEntry, FileStatus, FileSystem, FileSystemCapabilities, GrowingHash, ReadableFile, WritableFile,
} from "./file-system.js";

export interface MemoryFileSystemOptions {
  /** False makes link() fail with EPERM, as on some network file systems. Default true. */
  readonly hardLinks?: boolean;
}

export interface CrashOptions {
  /**
   * Numbers in [0, 1) from a seed. Given, a crash keeps a random part of what was not fsynced: some directory changes, torn and
   * zero-filled ends of files, as a disk may. Not given, all of it is lost.
   */
  readonly random?: () => number;
}

interface FileNode {
  readonly kind: "file";
  bytes: Uint8Array;
  length: number;
  /** What a crash leaves: contents at the last fsync. */
  durable: Uint8Array;
  modifiedMs: number;
}

interface DirectoryNode {
  readonly kind: "directory";
  readonly entries: Map<string, Node>;
  /** What a crash leaves: entries at the last syncDirectory. */
  durable: Map<string, Node>;
  modifiedMs: number;
}

type Node = FileNode | DirectoryNode;

/** A change of directories that is not durable yet; a rename is one change, so a crash never shows half of it. */
interface DirectoryChange {
  readonly directories: readonly DirectoryNode[];
  apply(): void;
}

/**
 * Files in memory that behave as badly at a crash as POSIX allows: `crash()` loses contents since the last fsync of a file and
 * creations, renames, links and removals since the last syncDirectory of their directory. Made for tests; also a real store for
 * jobs that need no durability.
 */
export class MemoryFileSystem implements FileSystem {
  readonly capabilities: FileSystemCapabilities;
  readonly #root: DirectoryNode = newDirectory();
  #changes: DirectoryChange[] = [];
  #tick = 0;
  /** Grows with each crash; handles opened before it are dead, as their process is. */
  #epoch = 0;

  constructor(options: MemoryFileSystemOptions = {}) {
    this.capabilities = { hardLinks: options.hardLinks ?? true };
  }

  /** Loses what was not made durable and invalidates all open files. */
  crash(options: CrashOptions = {}): void {
    const { random } = options;
    this.#epoch += 1;
    if (random !== undefined) {
      const keptShare = random();
      for (const change of this.#changes) {
        if (random() < keptShare) {
          change.apply();
        }
      }
    }
    this.#changes = [];
    restoreDurable(this.#root, random, new Set());
  }

  async readFile(path: string, options: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    const file = this.#file("read", path);
    const maxBytes = options.maxBytes ?? defaultReadLimitBytes;
    if (file.length > maxBytes) {
      throw tooLargeToRead(path, file.length, maxBytes);
    }
    return file.bytes.slice(0, file.length);
  }

  async createFile(path: string): Promise<WritableFile> {
    const [parent, name] = this.#absent("create", path);
    const file: FileNode = { kind: "file", bytes: new Uint8Array(64), length: 0, durable: new Uint8Array(0), modifiedMs: ++this.#tick };
    this.#put(parent, name, file);
    return this.#handle(path, file);
  }

  async openForAppend(path: string, lengthBytes: number): Promise<WritableFile> {
    const file = this.#file("append to", path);
    if (file.length < lengthBytes) {
      throw tooShortToAppend(path, file.length, lengthBytes);
    }
    file.length = lengthBytes;
    return this.#handle(path, file);
  }

  async openForRead(path: string): Promise<ReadableFile> {
    const file = this.#file("open", path);
    const epoch = this.#epoch;
    const check = (): void => this.#checkEpoch(epoch, path);
    return {
      sizeBytes: file.length,
      async read(offset, length) {
        check();
        return file.bytes.slice(offset, Math.max(offset, Math.min(file.length, offset + length)));
      },
      async close() {},
    };
  }

  async stat(path: string): Promise<FileStatus | undefined> {
    const node = this.#find(path);
    if (node === undefined) {
      return undefined;
    }
    return { kind: node.kind, sizeBytes: node.kind === "file" ? node.length : 0, modifiedMs: node.modifiedMs };
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const node = this.#find(path);
    if (node?.kind === "file") {
      throw errnoError("list", path, "ENOTDIR", "not a directory", "read");
    }
    const entries = [...(node?.entries ?? [])].map(([name, { kind }]) => ({ name, kind }));
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async makeDirectory(path: string): Promise<void> {
    let directory = this.#root;
    for (const name of split(path)) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = newDirectory();
        this.#put(directory, name, next);
      }
      if (next.kind === "file") {
        throw errnoError("create the directory", path, "ENOTDIR", `${name} is a file`);
      }
      directory = next;
    }
  }

  async removeFile(path: string): Promise<void> {
    const [parent, name] = this.#parent(path);
    const node = parent?.entries.get(name);
    if (parent === undefined || node === undefined) {
      return;
    }
    if (node.kind === "directory") {
      throw errnoError("remove", path, "EISDIR", "is a directory");
    }
    this.#drop(parent, name);
  }

  async removeDirectory(path: string): Promise<void> {
    const [parent, name] = this.#parent(path);
    if (parent?.entries.has(name) === true) {
      this.#drop(parent, name);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, sourceName] = this.#parent(from);
    const node = source?.entries.get(sourceName);
    const [target, targetName] = this.#parent(to);
    if (source === undefined || node === undefined || target === undefined) {
      throw errnoError(`rename ${from} to`, to, "ENOENT", "no such file or directory");
    }
    const existing = target.entries.get(targetName);
    if (existing === node) {
      return;
    }
    if (existing?.kind === "directory") {
      throw errnoError(`rename ${from} to`, to, "EISDIR", "is a directory");
    }
    source.entries.delete(sourceName);
    target.entries.set(targetName, node);
    this.#changes.push({
      directories: [source, target],
      apply() {
        source.durable.delete(sourceName);
        target.durable.set(targetName, node);
      },
    });
  }

  async link(from: string, to: string): Promise<void> {
    if (!this.capabilities.hardLinks) {
      throw errnoError(`link ${from} to`, to, "EPERM", "hard links are not possible", "link");
    }
    const file = this.#file(`link ${from} to`, from);
    const [parent, name] = this.#absent(`link ${from} to`, to);
    this.#put(parent, name, file);
  }

  async copyFile(from: string, to: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const source = this.#file(`copy ${from} to`, from);
    const [parent, name] = this.#absent(`copy ${from} to`, to);
    const bytes = source.bytes.slice(0, source.length);
    this.#put(parent, name, { kind: "file", bytes, length: bytes.length, durable: bytes.slice(), modifiedMs: ++this.#tick });
  }

  async copyHashed(from: string, to: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const source = this.#file(`copy ${from} to`, from);
    const [parent, name] = this.#absent(`copy ${from} to`, to);
    const bytes = source.bytes.slice(0, source.length);
    const durable = new Uint8Array(0);
    this.#put(parent, name, { kind: "file", bytes, length: bytes.length, durable, modifiedMs: ++this.#tick });
    return createHash("sha256").update(bytes).digest("hex");
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#find(path);
    if (directory?.kind !== "directory") {
      throw errnoError("sync the directory", path, directory === undefined ? "ENOENT" : "ENOTDIR", "no such directory");
    }
    // A rename ties two directories together: whatever came before it in either must be durable with it, as in a journal.
    const wanted = new Set<DirectoryNode>([directory]);
    const kept: DirectoryChange[] = [];
    const applied: DirectoryChange[] = [];
    for (const change of this.#changes.reverse()) {
      if (change.directories.some((each) => wanted.has(each))) {
        change.directories.forEach((each) => wanted.add(each));
        applied.push(change);
      } else {
        kept.push(change);
      }
    }
    this.#changes = kept.reverse();
    applied.reverse().forEach((change) => change.apply());
  }

  async syncFile(path: string): Promise<void> {
    const file = this.#file("sync", path);
    file.durable = file.bytes.slice(0, file.length);
  }

  async sha256(path: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const file = this.#file("hash", path);
    return createHash("sha256").update(file.bytes.subarray(0, file.length)).digest("hex");
  }

  hashGrowing(path: string, signal?: AbortSignal): GrowingHash {
    return { grown: () => undefined, digest: () => this.sha256(path, signal), cancel: () => undefined };
  }

  #handle(path: string, file: FileNode): WritableFile {
    const epoch = this.#epoch;
    const use = (): FileNode => (this.#checkEpoch(epoch, path), file);
    const now = (): number => ++this.#tick;
    return {
      get sizeBytes() {
        return file.length;
      },
      async write(bytes) {
        append(use(), bytes);
        file.modifiedMs = now();
      },
      async sync() {
        use().durable = file.bytes.slice(0, file.length);
      },
      async close() {},
    };
  }

  #checkEpoch(epoch: number, path: string): void {
    if (epoch !== this.#epoch) {
      throw errnoError("use", path, "EBADF", "the file was opened before the crash");
    }
  }

  #put(parent: DirectoryNode, name: string, node: Node): void {
    parent.entries.set(name, node);
    parent.modifiedMs = ++this.#tick;
    this.#changes.push({ directories: [parent], apply: () => void parent.durable.set(name, node) });
  }

  #drop(parent: DirectoryNode, name: string): void {
    parent.entries.delete(name);
    parent.modifiedMs = ++this.#tick;
    this.#changes.push({ directories: [parent], apply: () => void parent.durable.delete(name) });
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of split(path)) {
      node = node?.kind === "directory" ? node.entries.get(name) : undefined;
    }
    return node;
  }

  #parent(path: string): [parent: DirectoryNode | undefined, name: string] {
    const names = split(path);
    const name = names.pop();
    if (name === undefined) {
      throw errnoError("change", path, "EBUSY", "is the root");
    }
    const parent = this.#find(names.join("/"));
    return [parent?.kind === "directory" ? parent : undefined, name];
  }

  #file(operation: string, path: string): FileNode {
    const node = this.#find(path);
    if (node?.kind !== "file") {
      const isMissing = node === undefined;
      throw errnoError(operation, path, isMissing ? "ENOENT" : "EISDIR", isMissing ? "no such file" : "is a directory", "read");
    }
    return node;
  }

  #absent(operation: string, path: string): [parent: DirectoryNode, name: string] {
    const [parent, name] = this.#parent(path);
    if (parent === undefined) {
      throw errnoError(operation, path, "ENOENT", "the directory does not exist");
    }
    if (parent.entries.has(name)) {
      throw errnoError(operation, path, "EEXIST", "it exists");
    }
    return [parent, name];
  }
}

function newDirectory(): DirectoryNode {
  return { kind: "directory", entries: new Map(), durable: new Map(), modifiedMs: 0 };
}

function split(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw errnoError("resolve", path, "EINVAL", "give a path without '..'");
  }
  return names;
}

function append(file: FileNode, bytes: Uint8Array): void {
  const length = file.length + bytes.length;
  if (length > file.bytes.length) {
    const grown = new Uint8Array(Math.max(length, file.bytes.length * 2));
    grown.set(file.bytes.subarray(0, file.length));
    file.bytes = grown;
  }
  file.bytes.set(bytes, file.length);
  file.length = length;
}

function restoreDurable(directory: DirectoryNode, random: (() => number) | undefined, seen: Set<Node>): void {
  directory.entries.clear();
  for (const [name, node] of directory.durable) {
    directory.entries.set(name, node);
    if (seen.has(node)) {
      continue;
    }
    seen.add(node);
    if (node.kind === "directory") {
      restoreDurable(node, random, seen);
    } else {
      tear(node, random);
    }
  }
}

/** Contents after a crash: as of the last fsync, or a random length between that and now with a part that never reached the disk. */
function tear(file: FileNode, random: (() => number) | undefined): void {
  let bytes = file.durable.slice();
  const isChanged = file.length !== bytes.length || !sameBytes(bytes, file.bytes.subarray(0, file.length));
  if (random !== undefined && isChanged) {
    const shortest = Math.min(bytes.length, file.length);
    const length = shortest + Math.floor(random() * (Math.max(bytes.length, file.length) + 1 - shortest));
    bytes = new Uint8Array(length);
    bytes.set((file.length > file.durable.length ? file.bytes : file.durable).subarray(0, length));
    if (length > shortest && random() < 0.3) {
      bytes.fill(0, shortest + Math.floor(random() * (length - shortest)));
    }
  }
  file.bytes = bytes;
  file.length = bytes.length;
  file.durable = bytes.slice();
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

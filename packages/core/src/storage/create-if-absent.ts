import { join } from "node:path";
import { isStateError, StateError } from "../errors/index.js";
import { isLinkImpossible } from "./file-errors.js";
import type { FileSystem } from "./file-system.js";

export interface CreateTarget {
  readonly directory: string;
  readonly name: string;
  /** Unique among all processes: two writers of one temporary file would spoil each other's bytes. */
  readonly temporaryName: string;
}

/**
 * Creates a file with all of its bytes durable, or returns false and leaves everything as it was when the name is taken (rule 15):
 * write a temporary file, fsync, link() to the final name, unlink, fsync the directory. rename() would overwrite; exclusive creation
 * at the final name can leave a torn file, which a reader could not tell from one that is still being written. So there is
 * no fallback: where hard links are not possible it throws INVALID_CONFIGURATION.
 *
 * `bytes` should be unique to the caller (hold a nonce): when link() fails although it took effect, as over NFS, the file is read back
 * and equal bytes mean success. Throws NO_SPACE, DIRECTORY_NOT_WRITABLE or IO; `isUnclear(error)` tells when the file may be there.
 */
export async function createIfAbsent(fileSystem: FileSystem, target: CreateTarget, bytes: Uint8Array): Promise<boolean> {
  if (!fileSystem.capabilities.hardLinks) {
    throw hardLinksNeeded(target.directory);
  }
  const temporaryPath = join(target.directory, target.temporaryName);
  let isCreated: boolean;
  try {
    await writeDurably(fileSystem, temporaryPath, bytes);
    isCreated = await linkOrCompare(fileSystem, temporaryPath, join(target.directory, target.name), bytes);
  } finally {
    // A temporary file left behind is collected later; it must not turn a success into a failure or hide the first error.
    await fileSystem.removeFile(temporaryPath).catch(() => undefined);
  }
  if (isCreated) {
    await fileSystem.syncDirectory(target.directory).catch((error: unknown) => {
      throw unclearCreation(target.name, error);
    });
  }
  return isCreated;
}

/** True when the failed creation may nevertheless be visible, now or after a crash: look at the directory afresh before going on. */
export function isUnclear(error: unknown): boolean {
  return isStateError(error) && error.details["isUnclear"] === true;
}

/** Writes and fsyncs a new file; the directory is the caller's to sync. */
export async function writeDurably(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await fileSystem.createFile(path);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linkOrCompare(fileSystem: FileSystem, from: string, to: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await fileSystem.link(from, to);
    return true;
  } catch (linkError) {
    if (isLinkImpossible(linkError)) {
      throw hardLinksNeeded(to, linkError);
    }
    let existing: "absent" | "ours" | "other";
    try {
      existing = await compare(fileSystem, to, bytes);
    } catch {
      throw unclearCreation(to, linkError);
    }
    if (existing === "absent") {
      throw linkError;
    }
    return existing === "ours";
  }
}

async function compare(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<"absent" | "ours" | "other"> {
  const status = await fileSystem.stat(path);
  if (status === undefined) {
    return "absent";
  }
  if (status.kind !== "file" || status.sizeBytes !== bytes.length) {
    return "other";
  }
  return Buffer.compare(await fileSystem.readFile(path, { maxBytes: bytes.length }), bytes) === 0 ? "ours" : "other";
}

function hardLinksNeeded(path: string, cause?: unknown): StateError {
  return new StateError(
    "INVALID_CONFIGURATION",
    `${path}: this file system has no hard links, which are needed to publish a checkpoint exactly once; choose a directory on another one`,
    { details: { path }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** The error for which `isUnclear` is true. */
export function unclearCreation(name: string, cause: unknown): StateError {
  return new StateError("IO", `it is not known whether ${name} was created durably: start again from what the directory holds`, {
    cause,
    details: { name, isUnclear: true },
  });
}

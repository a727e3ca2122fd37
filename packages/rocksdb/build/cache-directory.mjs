import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, statSync, statfsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { BuildError } from "./build-error.mjs";

/** Sources, objects and the result together need about 700 MB for a while; 50 MB stay. */
const neededBytes = 1_000_000_000;

/**
 * The per-user cache: TIDEMARK_CACHE, or $XDG_CACHE_HOME/tidemark, or ~/.cache/tidemark.
 *
 * @param {Record<string, string | undefined>} env
 * @returns {string} an absolute path
 */
export function cacheDirectory(env) {
  const own = env["TIDEMARK_CACHE"];
  if (own !== undefined && own !== "") return resolve(own);
  const base = env["XDG_CACHE_HOME"];
  // The XDG base directory specification says that relative paths are to be ignored.
  const root = base !== undefined && base.startsWith("/") ? base : join(env["HOME"] || homedir(), ".cache");
  return join(root, "tidemark");
}

/**
 * Creates a directory and makes sure that a build fits in it; says what to do otherwise.
 *
 * @param {string} directory
 */
export function prepareDirectory(directory) {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new BuildError(`Cannot create ${directory} (${errno(error)}). Set TIDEMARK_CACHE to a directory that you can write to.`, {
      cause: error,
    });
  }
  const status = statfsSync(directory);
  const freeBytes = status.bavail * status.bsize;
  if (freeBytes < neededBytes) {
    throw new BuildError(
      `Building RocksDB needs 1 GB for a while, and ${directory} has ${Math.floor(freeBytes / 1e6)} MB free. ` +
        "Free some space, or set TIDEMARK_CACHE to a directory on another disk.",
    );
  }
}

/**
 * Names what a build depends on, so that a change of any of it gives another directory.
 *
 * @param {readonly string[]} parts
 * @returns {string} 16 hex digits
 */
export function cacheKey(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex").slice(0, 16);
}

/**
 * Changes when a file of a source tree changes (by size and time, not contents). Used for ROCKSDB_SOURCE only, which a
 * person may be editing.
 *
 * @param {string} root
 * @returns {string}
 */
export function treeFingerprint(root) {
  const hash = createHash("sha256");
  const visit = (/** @type {string} */ directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory()) visit(path);
      if (!entry.isFile()) continue;
      const status = statSync(path);
      hash.update(`${path}\0${status.size}\0${status.mtimeMs}\0`);
    }
  };
  visit(root);
  return hash.digest("hex");
}

/** @param {unknown} error */
export function errno(error) {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

export const manifestName = "tidemark-build.json";

/**
 * @typedef {object} BuildFacts
 * @property {string} version of RocksDB, such as "11.8.1"
 * @property {string} flags how it was built
 * @property {string} commit where its source came from
 * @property {string} compiler
 */

/**
 * Writes `tidemark-build.json` into a finished prefix: the facts, and size and SHA-256 of every file.
 *
 * @param {string} prefix
 * @param {BuildFacts} facts
 */
export function writeManifest(prefix, facts) {
  /** @type {Record<string, { sizeBytes: number, sha256: string }>} */
  const files = {};
  for (const name of listFiles(prefix)) {
    const bytes = readFileSync(join(prefix, name));
    files[name] = { sizeBytes: bytes.length, sha256: sha256(bytes) };
  }
  writeFileSync(join(prefix, manifestName), `${JSON.stringify({ ...facts, files }, undefined, 2)}\n`);
}

/**
 * Compares a prefix with its manifest: sizes and SHA-256 of everything in it (60 ms for 45 MB).
 *
 * @param {string} prefix
 * @returns {string | undefined} what is wrong, or undefined when all is as it was written
 */
export function damageOf(prefix) {
  let manifest;
  try {
    manifest = JSON.parse(readFileSync(join(prefix, manifestName), "utf8"));
  } catch {
    return `${manifestName} is missing or not JSON`;
  }
  const files = manifest?.files;
  if (typeof files !== "object" || files === null || files["lib/librocksdb.a"] === undefined) {
    return `${manifestName} does not list the libraries`;
  }
  for (const [name, expected] of Object.entries(files)) {
    const path = join(prefix, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) return `${name} is missing`;
    if (status.size !== expected.sizeBytes) return `${name} has ${status.size} bytes instead of ${expected.sizeBytes}`;
    if (sha256(readFileSync(path)) !== expected.sha256) return `${name} has other contents (SHA-256 differs)`;
  }
  return undefined;
}

/** @param {string} root @returns {string[]} paths below root with "/", sorted */
function listFiles(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== manifestName)
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"))
    .sort();
}

/** @param {Uint8Array} bytes */
function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

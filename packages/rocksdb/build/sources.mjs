import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BuildError } from "./build-error.mjs";
import { crates, rocksdbVersion } from "./recipe.mjs";
import { lastLines, runCommand } from "./run-command.mjs";

/** Cargo.toml and Cargo.lock: which sources, with their checksums. */
export const sourcesDirectory = join(dirname(fileURLToPath(import.meta.url)), "sources");

/** @typedef {{ rocksdb: string, lz4: string, zstd: string, commit: string }} Sources directories, and where RocksDB's came from */

/**
 * Downloads the sources into `work` with `cargo vendor`, which checks every file against Cargo.lock. Sources that an
 * interrupted build has left there are used again.
 *
 * @param {{ work: string, cargo: string, env: Record<string, string | undefined> }} options
 * @returns {Promise<Sources>}
 */
export async function vendorSources({ work, cargo, env }) {
  const vendor = join(work, "vendor");
  const complete = join(work, "vendor-complete");
  if (!existsSync(complete)) {
    const project = join(work, "sources");
    rmSync(vendor, { recursive: true, force: true });
    rmSync(project, { recursive: true, force: true });
    mkdirSync(project, { recursive: true });
    // A copy, because cargo writes to the project's directory, which may be read-only in an installed package.
    for (const name of ["Cargo.toml", "Cargo.lock", "lib.rs"]) cpSync(join(sourcesDirectory, name), join(project, name));
    // Cargo asks the rustc beside it for the platform: an older one first on the PATH must not answer.
    const path = [dirname(cargo), env["PATH"] ?? ""].join(delimiter);
    const { exitCode, output } = await runCommand(cargo, ["vendor", "--locked", "--versioned-dirs", vendor], {
      cwd: project,
      env: { ...env, PATH: path },
    });
    if (exitCode !== 0) {
      throw new BuildError(
        `The sources of RocksDB, lz4 and zstd could not be downloaded (cargo vendor, exit code ${exitCode}):\n${lastLines(output, 15)}\n` +
          "Check the connection to crates.io and run this again, or set TIDEMARK_ROCKSDB_PREFIX to a RocksDB that was built elsewhere.",
      );
    }
    writeFileSync(complete, "");
  }
  const tree = (/** @type {{ directory: string, tree: string }} */ crate) => join(vendor, crate.directory, crate.tree);
  const rocksdb = env["ROCKSDB_SOURCE"] || tree(crates.rocksdb);
  checkRocksdbSource(rocksdb);
  const commit = env["ROCKSDB_SOURCE"] ? `source tree ${env["ROCKSDB_SOURCE"]}` : crates.rocksdb.directory;
  return { rocksdb, lz4: tree(crates.lz4), zstd: tree(crates.zstd), commit };
}

/**
 * Throws BuildError unless a directory is a RocksDB source tree of the right version.
 *
 * @param {string} directory
 */
export function checkRocksdbSource(directory) {
  const version = versionOfHeaders(join(directory, "include"));
  if (version === undefined || statSync(join(directory, "CMakeLists.txt"), { throwIfNoEntry: false }) === undefined) {
    throw new BuildError(`ROCKSDB_SOURCE: ${directory} is not a RocksDB source tree (no include/rocksdb/version.h or no CMakeLists.txt).`);
  }
  if (version !== rocksdbVersion) {
    throw new BuildError(`ROCKSDB_SOURCE: ${directory} is RocksDB ${version}, but the binding is written for ${rocksdbVersion}.`);
  }
}

/**
 * Throws BuildError unless a directory is a finished build of the right version: headers and the three libraries.
 *
 * @param {string} prefix
 */
export function checkPrefix(prefix) {
  const version = versionOfHeaders(join(prefix, "include"));
  const libraries = ["librocksdb.a", "liblz4.a", "libzstd.a"];
  const absent = libraries.filter((name) => statSync(join(prefix, "lib", name), { throwIfNoEntry: false }) === undefined);
  if (version === undefined) absent.unshift("include/rocksdb/version.h");
  if (absent.length > 0) {
    throw new BuildError(
      `TIDEMARK_ROCKSDB_PREFIX: ${prefix} lacks ${absent.join(", ")}. It must hold include/rocksdb/ and ` +
        `${libraries.map((name) => `lib/${name}`).join(", ")}; unset it to build RocksDB from source.`,
    );
  }
  if (version !== rocksdbVersion) {
    throw new BuildError(`TIDEMARK_ROCKSDB_PREFIX: ${prefix} is RocksDB ${version}, but the binding is written for ${rocksdbVersion}.`);
  }
}

/** @param {string} include @returns {string | undefined} such as "11.8.1" */
function versionOfHeaders(include) {
  let text;
  try {
    text = readFileSync(join(include, "rocksdb", "version.h"), "utf8");
  } catch {
    return undefined;
  }
  const parts = ["MAJOR", "MINOR", "PATCH"].map((part) => new RegExp(`#define\\s+ROCKSDB_${part}\\s+(\\d+)`).exec(text)?.[1]);
  return parts.includes(undefined) ? undefined : parts.join(".");
}

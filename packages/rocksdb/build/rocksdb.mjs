import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { acquireLock } from "./build-lock.mjs";
import { cacheDirectory, cacheKey, prepareDirectory, treeFingerprint } from "./cache-directory.mjs";
import { buildCompression, buildRocksdb, stagedPrefix } from "./compile.mjs";
import { requireTools } from "./install-tools.mjs";
import { damageOf, writeManifest } from "./manifest.mjs";
import { jobCount } from "./ninja.mjs";
import { progressDisplay } from "./progress.mjs";
import { recipeFor, rocksdbVersion } from "./recipe.mjs";
import { checkPrefix, checkRocksdbSource, sourcesDirectory, vendorSources } from "./sources.mjs";

/** @typedef {import("./build-tools.mjs").Tool} Tool */
/** @typedef {(line: string) => void} Log */

/**
 * @typedef {object} EnsureOptions
 * @property {Log} log
 * @property {Record<string, string | undefined>} [env]
 * @property {typeof buildPrefix} [build] how a prefix is made; tests pass their own
 * @property {number} [pollMs] how often a waiting process looks again
 */

/**
 * Makes sure that RocksDB is there to link with, building it (about six minutes on two cores) when it is not: static
 * libraries and headers in a directory of the per-user cache that is named after everything the build depends on.
 *
 * The environment can redirect it: TIDEMARK_ROCKSDB_PREFIX names a finished build, ROCKSDB_SOURCE a source tree,
 * TIDEMARK_CACHE the cache directory, CXX the compiler, TIDEMARK_BUILD_JOBS the number of compilers at once.
 *
 * Throws BuildError with advice when something is missing or fails.
 *
 * @param {EnsureOptions} options
 * @returns {Promise<{ prefix: string, built: boolean }>} prefix: absolute, holds lib/ and include/
 */
export async function ensureRocksdb({ log, env = process.env, build = buildPrefix, pollMs }) {
  const given = env["TIDEMARK_ROCKSDB_PREFIX"];
  if (given !== undefined && given !== "") {
    checkPrefix(resolve(given));
    return { prefix: resolve(given), built: false };
  }
  const ownSource = env["ROCKSDB_SOURCE"] ? resolve(env["ROCKSDB_SOURCE"]) : undefined;
  if (ownSource !== undefined) checkRocksdbSource(ownSource);
  const buildEnv = { ...env, ROCKSDB_SOURCE: ownSource };

  const recipe = recipeFor(process.platform, process.arch);
  const { compiler } = await requireTools(["compiler"], { env, log });
  const lock = readFileSync(join(sourcesDirectory, "Cargo.lock"), "utf8");
  const key = cacheKey([recipe.text, compiler.path, compiler.identity, lock, ownSource === undefined ? "" : treeFingerprint(ownSource)]);
  const root = join(cacheDirectory(env), "rocksdb");
  const prefix = join(root, `${rocksdbVersion}-${process.platform}-${process.arch}-${key}`);
  if (isUsable(prefix, log)) return { prefix, built: false };

  prepareDirectory(root);
  const release = await acquireLock(`${prefix}.lock`, {
    onWait: ({ pid, host }) => log(`another process (${pid} on ${host}) is building RocksDB; waiting for it`),
    ...(pollMs === undefined ? {} : { pollMs }),
  });
  const work = `${prefix}.work`;
  try {
    // The process that had the lock before may have built it.
    if (isUsable(prefix, () => {})) return { prefix, built: false };
    rmSync(prefix, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    await build({ work, recipe, env: buildEnv, log });
    renameSync(stagedPrefix(work), prefix);
    rmSync(work, { recursive: true, force: true });
    return { prefix, built: true };
  } finally {
    release();
  }
}

/** @param {string} prefix @param {Log} log */
function isUsable(prefix, log) {
  if (!existsSync(prefix)) return false;
  const damage = damageOf(prefix);
  if (damage === undefined) return true;
  log(`the RocksDB build in ${prefix} is damaged (${damage}); building it again`);
  return false;
}

/**
 * Downloads, compiles and completes a prefix in `work`. Each step leaves its result there, so a build that was stopped
 * goes on where it was.
 *
 * @param {{ work: string, recipe: import("./recipe.mjs").Recipe, env: Record<string, string | undefined>, log: Log }} options
 */
export async function buildPrefix({ work, recipe, env, log }) {
  const tools = await requireTools(["compiler", "cmake", "ninja", "cargo"], { env, log });
  const jobs = jobCount({ env });
  log(`building RocksDB ${rocksdbVersion} from source, once (about six minutes on two cores; ${jobs} at a time)`);
  const sources = await vendorSources({ work, cargo: tools.cargo.path, env });
  const context = { work, sources, recipe, tools, env, jobs, progress: showProgress };
  await buildCompression(context);
  await buildRocksdb(context);
  writeManifest(stagedPrefix(work), {
    version: rocksdbVersion,
    flags: recipe.text,
    commit: sources.commit,
    compiler: tools.compiler.identity,
  });
}

/** @param {string} label */
function showProgress(label) {
  return progressDisplay({ label: label.padEnd(7), stream: process.stderr, nowMs: () => performance.now() });
}

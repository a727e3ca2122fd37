import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BuildError } from "./build-error.mjs";
import { cCompilerOf } from "./build-tools.mjs";
import { runNinja, writeNinjaFile } from "./ninja.mjs";
import { lastLines, runCommand } from "./run-command.mjs";
import { groupUnits, unitsOf, unityText } from "./unity.mjs";

/**
 * @typedef {object} CompileContext
 * @property {string} work directory of this build
 * @property {import("./sources.mjs").Sources} sources
 * @property {import("./recipe.mjs").Recipe} recipe
 * @property {Record<import("./build-tools.mjs").ToolName, import("./build-tools.mjs").Tool>} tools
 * @property {Record<string, string | undefined>} env
 * @property {number} jobs
 * @property {(label: string) => import("./ninja.mjs").OnProgress} progress starts a progress display
 */

/** The directory that becomes the cache entry. @param {string} work */
export function stagedPrefix(work) {
  return join(work, "prefix");
}

/**
 * Compiles lz4 and zstd as position-independent static libraries (distributions' libzstd.a often is not) and puts them
 * with their headers into the prefix.
 *
 * @param {CompileContext} context
 */
export async function buildCompression(context) {
  const { sources, recipe, tools } = context;
  const c = shellWord(cCompilerOf(tools.compiler.path));
  const zstdFiles = ["common", "compress", "decompress", "dictBuilder"].flatMap((part) => cFilesIn(join(sources.zstd, part)));
  const lz4Files = ["lz4.c", "lz4hc.c", "lz4frame.c", "xxhash.c"].map((name) => join(sources.lz4, name));
  // Without assembler, zstd's one .S file is not needed; the empty macro keeps its symbols out of the binding's exports.
  await buildLibrary(context, "zstd", zstdFiles, [c, ...recipe.cFlags, "-DZSTD_DISABLE_ASM=1", "-DZSTDLIB_VISIBLE="].join(" "));
  await buildLibrary(context, "lz4", lz4Files, [c, ...recipe.cFlags, "-DXXH_NAMESPACE=LZ4_"].join(" "));
  const include = join(stagedPrefix(context.work), "include");
  mkdirSync(include, { recursive: true });
  for (const directory of [sources.zstd, sources.lz4]) {
    for (const name of readdirSync(directory)) if (name.endsWith(".h")) copyFileSync(join(directory, name), join(include, name));
  }
}

/** @param {CompileContext} context @param {string} name @param {string[]} files @param {string} flags */
async function buildLibrary(context, name, files, flags) {
  const compilations = files.map((source) => ({
    object: `${basename(source, ".c")}.o`,
    source,
    flags,
    weight: statSync(source).size,
  }));
  await buildArchive(context, name, compilations);
}

/**
 * Configures RocksDB with CMake, compiles its files in groups and puts library and headers into the prefix.
 *
 * @param {CompileContext} context
 */
export async function buildRocksdb(context) {
  const { work, sources } = context;
  const configured = join(work, "cmake");
  await configure(context, configured);
  const commands = readFileSync(join(configured, "compile_commands.json"), "utf8");
  const unityDirectory = join(work, "unity");
  mkdirSync(unityDirectory, { recursive: true });
  // Paths of this machine do not belong into a library (and would differ from build to build).
  const mapping = ` ${shellWord(`-ffile-prefix-map=${work}=.`)}`;
  const compilations = groupUnits(unitsOf(commands, (path) => statSync(path).size)).map((group) => {
    let source = group.sources[0] ?? "";
    if (group.sources.length > 1) {
      source = join(unityDirectory, `${group.name}.cc`);
      writeIfChanged(source, unityText(group.sources));
    }
    return { object: `${group.name}.o`, source, flags: group.flags + mapping, weight: group.sizeBytes };
  });
  await buildArchive(context, "rocksdb", compilations);
  cpSync(join(sources.rocksdb, "include", "rocksdb"), join(stagedPrefix(work), "include", "rocksdb"), { recursive: true });
}

/** @param {CompileContext} context @param {string} directory */
async function configure({ work, sources, recipe, tools, env }, directory) {
  const complete = join(directory, "configure-complete");
  if (existsSync(complete)) return;
  rmSync(directory, { recursive: true, force: true });
  const { CXXFLAGS: _cxx, CFLAGS: _c, LDFLAGS: _ld, ...quietEnv } = env;
  const { exitCode, output } = await runCommand(
    tools.cmake.path,
    [
      "-S", sources.rocksdb, "-B", directory, "-G", "Ninja",
      `-DCMAKE_MAKE_PROGRAM=${tools.ninja.path}`,
      `-DCMAKE_CXX_COMPILER=${tools.compiler.path}`,
      `-DCMAKE_C_COMPILER=${cCompilerOf(tools.compiler.path)}`,
      `-DCMAKE_PREFIX_PATH=${stagedPrefix(work)}`,
      "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
      ...recipe.cmakeFlags,
    ],
    { env: quietEnv },
  );
  if (exitCode !== 0) throw new BuildError(`RocksDB could not be configured (cmake, exit code ${exitCode}):\n${lastLines(output)}`);
  writeFileSync(complete, "");
}

/** @param {CompileContext} context @param {string} name @param {import("./ninja.mjs").Compilation[]} compilations */
async function buildArchive({ work, tools, env, jobs, progress }, name, compilations) {
  const directory = join(work, `objects-${name}`);
  mkdirSync(directory, { recursive: true });
  const archive = `lib${name}.a`;
  writeNinjaFile({ directory, compilations, archive, archiver: "ar" });
  await runNinja({ directory, ninja: tools.ninja.path, jobs, compilations, env, onProgress: progress(name) });
  const libraries = join(stagedPrefix(work), "lib");
  mkdirSync(libraries, { recursive: true });
  copyFileSync(join(directory, archive), join(libraries, archive));
}

/** @param {string} directory */
function cFilesIn(directory) {
  return readdirSync(directory).filter((name) => name.endsWith(".c")).sort().map((name) => join(directory, name));
}

/** Keeps the time of an equal file, so that ninja does not compile it again. @param {string} path @param {string} text */
function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text);
}

/** @param {string} text quoted for the shell that ninja starts */
function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// Builds db_bench, RocksDB's own benchmark, from the sources that the binding is built from: node build.mjs
// The last line of its output is the path of the program. What was built before is used again.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BuildError } from "../../../packages/rocksdb/build/build-error.mjs";
import { acquireLock } from "../../../packages/rocksdb/build/build-lock.mjs";
import { cCompilerOf } from "../../../packages/rocksdb/build/build-tools.mjs";
import { cacheDirectory, cacheKey, prepareDirectory } from "../../../packages/rocksdb/build/cache-directory.mjs";
import { requireTools } from "../../../packages/rocksdb/build/install-tools.mjs";
import { recipeFor, rocksdbVersion } from "../../../packages/rocksdb/build/recipe.mjs";
import { ensureRocksdb } from "../../../packages/rocksdb/build/rocksdb.mjs";
import { lastLines, runCommand } from "../../../packages/rocksdb/build/run-command.mjs";
import { stopOnSignals } from "../../../packages/rocksdb/build/signals.mjs";
import { vendorSources } from "../../../packages/rocksdb/build/sources.mjs";
import { unitsOf } from "../../../packages/rocksdb/build/unity.mjs";

/** Raise when the way of building changes. */
const revision = 1;
/** What CMakeLists.txt makes the program of. */
const sourceNames = ["db_bench.cc", "db_bench_tool.cc", "simulated_hybrid_file_system.cc", "tool_hooks.cc"];

/** @param {(line: string) => void} log @returns {Promise<string>} the program's path */
async function ensureDbBench(log) {
  const env = process.env;
  const { prefix } = await ensureRocksdb({ log });
  const recipe = recipeFor(process.platform, process.arch);
  const tools = await requireTools(["compiler", "cmake", "ninja", "cargo"], { env, log });
  const library = statSync(join(prefix, "lib", "librocksdb.a"));
  const key = cacheKey([`revision ${revision}`, recipe.text, tools.compiler.identity, prefix, String(library.size)]);
  const root = join(cacheDirectory(env), "db_bench");
  const program = join(root, `${rocksdbVersion}-${process.platform}-${process.arch}-${key}`, "db_bench");
  if (existsSync(program)) return program;

  prepareDirectory(root);
  const folder = join(program, "..");
  const release = await acquireLock(`${folder}.lock`, { onWait: ({ pid }) => log(`process ${pid} is building db_bench; waiting for it`) });
  try {
    if (existsSync(program)) return program;
    await requireGflags(tools.compiler.path, log);
    log("building db_bench from source, once (about two minutes)");
    const work = `${folder}.work`;
    mkdirSync(work, { recursive: true });
    const sources = await vendorSources({ work, cargo: tools.cargo.path, env });
    const built = await build({ work, prefix, sources, recipe, tools });
    mkdirSync(folder, { recursive: true });
    renameSync(built, program);
    rmSync(work, { recursive: true, force: true });
    return program;
  } finally {
    release();
  }
}

/** Configures RocksDB with its benchmarks for the compiler's flags, and compiles and links only db_bench with the library there is. */
async function build({ work, prefix, sources, recipe, tools }) {
  const configured = join(work, "cmake");
  await run(tools.cmake.path, [
    "-S", sources.rocksdb, "-B", configured, "-G", "Ninja",
    `-DCMAKE_MAKE_PROGRAM=${tools.ninja.path}`,
    `-DCMAKE_CXX_COMPILER=${tools.compiler.path}`,
    `-DCMAKE_C_COMPILER=${cCompilerOf(tools.compiler.path)}`,
    `-DCMAKE_PREFIX_PATH=${prefix}`,
    "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    ...recipe.cmakeFlags, "-DWITH_GFLAGS=ON", "-DWITH_BENCHMARK_TOOLS=ON",
  ]);
  const commands = readFileSync(join(configured, "compile_commands.json"), "utf8");
  const units = unitsOf(commands, () => 0);
  const compilations = sourceNames.map((name) => {
    const unit = units.find(({ source }) => source.endsWith(`/tools/${name}`));
    if (unit === undefined) throw new BuildError(`RocksDB ${rocksdbVersion} does not compile tools/${name} for db_bench`);
    return { object: join(work, `${basename(name, ".cc")}.o`), ...unit };
  });
  const program = join(work, "db_bench");
  const objects = compilations.map(({ object }) => object);
  const libraries = ["rocksdb", "zstd", "lz4"].map((name) => join(prefix, "lib", `lib${name}.a`));
  writeFileSync(join(work, "build.ninja"), [
    "ninja_required_version = 1.8",
    "rule compile",
    "  command = $flags -o $out -c $in",
    "rule link",
    `  command = ${tools.compiler.path} -o $out $in ${libraries.join(" ")} -lgflags -lpthread -ldl`,
    ...compilations.flatMap(({ object, source, flags }) => [
      `build ${object}: compile ${source}`, `  flags = ${flags.replaceAll("$", "$$")}`,
    ]),
    `build ${program}: link ${objects.join(" ")}`,
    "",
  ].join("\n"));
  await run(tools.ninja.path, ["-C", work]);
  return program;
}

/** db_bench reads its command line with gflags; installed with apt-get where that can be done without asking. */
async function requireGflags(compiler, log) {
  const attempt = ["-E", "-include", "gflags/gflags.h", "-x", "c++", "/dev/null"];
  const hasGflags = async () => (await runCommand(compiler, attempt)).exitCode === 0;
  if (await hasGflags()) return;
  const install = ["install", "-y", "--no-install-recommends", "libgflags-dev"];
  const hasApt = (await runCommand("apt-get", ["--version"])).exitCode === 0;
  if (hasApt && process.getuid?.() === 0) {
    log("installing libgflags-dev with apt-get");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await runCommand("apt-get", ["update"], { env });
    await runCommand("apt-get", install, { env });
    if (await hasGflags()) return;
  }
  const advice = hasApt ? `run: sudo apt-get ${install.join(" ")}` : "install it with this system's package manager";
  throw new BuildError(`db_bench needs gflags; ${advice}`);
}

async function run(program, args) {
  const { exitCode, output } = await runCommand(program, args);
  if (exitCode !== 0) throw new BuildError(`${basename(program)} failed (exit code ${exitCode}):\n${lastLines(output)}`);
}

stopOnSignals();
try {
  const program = await ensureDbBench((line) => console.error(line));
  console.log(program);
} catch (error) {
  console.error(error instanceof BuildError ? error.message : error);
  process.exitCode = 1;
}

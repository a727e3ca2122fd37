// Compiles native/*.cc and links it with a static RocksDB into one Node-API addon.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const NATIVE = join(PACKAGE, "native");
const JOBS = 2;

// The variants for tests have failpoints (native/failpoint.h).
const FAILPOINTS = "-DTIDEMARK_FAILPOINTS";
const VARIANTS = {
  release: [],
  failpoints: [FAILPOINTS],
  asan: [FAILPOINTS, "-fsanitize=address", "-fno-omit-frame-pointer", "-g"],
  // RocksDB's type information is hidden in its library, which the vptr check cannot see through.
  ubsan: [FAILPOINTS, "-fsanitize=undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined", "-g"],
};

/** The file a variant is built into: the release goes where the loader looks, the others stay with the build output. */
export function bindingPath(variant = "release") {
  if (variant === "release") return join(PACKAGE, "prebuilds", `${process.platform}-${process.arch}`, "tidemark_rocksdb.node");
  return join(PACKAGE, "build", "out", variant, "tidemark_rocksdb.node");
}

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ["g++", "clang++"];
  for (const name of candidates) {
    try {
      const version = execFileSync(name, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0];
      return { name, version };
    } catch {
      // Not installed: try the next one.
    }
  }
  throw new Error(`no C++ compiler found (tried ${candidates.join(", ")}): install g++ 12 or clang++ 16 or newer, or set CXX`);
}

function findNodeHeaders() {
  try {
    return createRequire(import.meta.url)("node-api-headers").include_dir;
  } catch {
    const own = join(dirname(dirname(process.execPath)), "include", "node");
    if (existsSync(join(own, "node_api.h"))) return own;
  }
  throw new Error("the Node-API headers are missing: run npm install (package node-api-headers)");
}

// What librocksdb's own build noted about itself; a prefix made by hand has no note.
function readPrefix(prefix) {
  const libraries = ["librocksdb.a", "libzstd.a", "liblz4.a"].map((name) => join(prefix, "lib", name));
  const missing = libraries.filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`RocksDB is not built: ${missing.join(", ")} missing`);
  const notePath = join(prefix, "tidemark-build.json");
  const note = existsSync(notePath) ? JSON.parse(readFileSync(notePath, "utf8")) : {};
  const stamp = libraries.map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`);
  return { libraries, note: { flags: "", commit: "librocksdb-sys-0.19.0+11.8.1", ...note }, stamp };
}

const quoted = (text) => JSON.stringify(String(text));

function compileFlags({ variant, prefix, headers, note }) {
  return [
    "-std=c++20", "-O2", "-DNDEBUG", "-fPIC", "-Wall", "-Wextra", "-Werror=return-type",
    "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-ffunction-sections", "-fdata-sections",
    "-DNAPI_VERSION=9", `-DTIDEMARK_ROCKSDB_FLAGS=${quoted(note.flags)}`, `-DTIDEMARK_ROCKSDB_COMMIT=${quoted(note.commit)}`,
    `-DTIDEMARK_BINDING_VARIANT=${quoted(variant)}`,
    // As system headers: their warnings are not ours.
    "-isystem", join(prefix, "include"), "-isystem", headers, ...VARIANTS[variant],
  ];
}

const digest = (parts) => parts.reduce((hash, part) => hash.update(part).update("\0"), createHash("sha256")).digest("hex");

function readSources() {
  const names = readdirSync(NATIVE).sort();
  const texts = new Map(names.map((name) => [name, readFileSync(join(NATIVE, name))]));
  return {
    sources: names.filter((name) => name.endsWith(".cc")),
    headers: names.filter((name) => name.endsWith(".h")).map((name) => texts.get(name)),
    text: (name) => texts.get(name),
  };
}

async function inParallel(tasks) {
  const queue = [...tasks];
  const work = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: JOBS }, work));
}

const readStamp = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

// An object's stamp is the hash of everything that went into it, so a changed source recompiles one file and a changed
// header all.
async function compileObjects({ compiler, flags, folder, files, log }) {
  const objects = files.sources.map((name) => ({
    name,
    path: join(folder, name.replace(/\.cc$/, ".o")),
    key: digest([compiler.version, ...flags, ...files.headers, files.text(name)]),
  }));
  const stale = objects.filter(({ path, key }) => !existsSync(path) || readStamp(`${path}.key`) !== key);
  let done = 0;
  await inParallel(
    stale.map(({ name, path, key }) => async () => {
      rmSync(`${path}.key`, { force: true });
      const { stderr } = await run(compiler.name, [...flags, "-c", join(NATIVE, name), "-o", path], { maxBuffer: 1 << 26 });
      if (stderr !== "") log(stderr.trimEnd());
      writeFileSync(`${path}.key`, key);
      log(`compiled ${++done}/${stale.length} ${name}`);
    }),
  );
  return objects;
}

async function link({ compiler, variant, objects, prefix, output }) {
  // In the same directory as the result, so that the rename replaces it in one step: a process that has the old file
  // loaded keeps it.
  const temporary = `${output}.${process.pid}.tmp`;
  mkdirSync(dirname(output), { recursive: true });
  try {
    const strip = variant === "release" ? ["-s"] : [];
    await run(compiler.name, [
      "-shared", "-o", temporary, ...VARIANTS[variant], ...objects.map(({ path }) => path), ...prefix.libraries,
      "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", ...strip, "-lpthread", "-ldl",
    ], { maxBuffer: 1 << 26 });
    renameSync(temporary, output);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Builds one variant of the binding; returns its path. Does nothing when the compiler, the flags, the sources and the
 * RocksDB libraries are those of the last build.
 *
 * @param {{prefix: string, variant?: "release" | "failpoints" | "asan" | "ubsan", log?: (line: string) => void}} options prefix holds
 *   lib/ and include/ of the static RocksDB
 */
export async function buildBinding({ prefix, variant = "release", log = () => {} }) {
  if (!(variant in VARIANTS)) throw new Error(`unknown variant ${variant}: use ${Object.keys(VARIANTS).join(", ")}`);
  const rocksdb = readPrefix(prefix);
  const compiler = findCompiler();
  const flags = compileFlags({ variant, prefix, headers: findNodeHeaders(), note: rocksdb.note });
  const files = readSources();
  const folder = join(PACKAGE, "build", "out", variant);
  const output = bindingPath(variant);
  mkdirSync(folder, { recursive: true });
  const texts = files.sources.flatMap((name) => [name, files.text(name)]);
  const key = digest([compiler.version, ...flags, ...rocksdb.stamp, ...files.headers, ...texts]);
  const stamp = join(folder, "binding.key");
  if (existsSync(output) && readStamp(stamp) === key) return output;
  rmSync(stamp, { force: true });
  const objects = await compileObjects({ compiler, flags, folder, files, log });
  await link({ compiler, variant, objects, prefix: rocksdb, output });
  writeFileSync(stamp, key);
  log(`linked ${output}`);
  return output;
}

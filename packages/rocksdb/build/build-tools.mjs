import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { runCommand } from "./run-command.mjs";
import { isAtLeast, versionIn } from "./versions.mjs";

/** @typedef {"compiler" | "cmake" | "ninja" | "cargo"} ToolName */
/** @typedef {{ name: ToolName, path: string, version: string, identity: string }} Tool identity: the full version line */
/** @typedef {{ name: ToolName, needed: string, found: string }} MissingTool found: what is there instead, for people */
/** @typedef {Record<string, string | undefined>} Environment */

/** Oldest versions that work: C++20 as RocksDB uses it, CMake's presets of C++20, and Cargo that reads edition 2024. */
export const minimumVersions = { gcc: "11", clang: "14", cmake: "3.16", ninja: "1.8", cargo: "1.85" };

/**
 * Looks for the tools that are asked for, trying every place where a distribution or rustup puts one.
 *
 * @param {readonly ToolName[]} names
 * @param {{ env: Environment, systemDirectory?: string }} options systemDirectory: where Debian's versioned Rust is, for tests
 * @returns {Promise<{ tools: Tool[], missing: MissingTool[] }>}
 */
export async function findTools(names, options) {
  const results = await Promise.all(names.map((name) => findTool(name, options)));
  return {
    tools: results.filter((result) => "path" in result),
    missing: results.filter((result) => "needed" in result),
  };
}

/**
 * @param {ToolName} name
 * @param {{ env: Environment, systemDirectory?: string }} options
 * @returns {Promise<Tool | MissingTool>}
 */
async function findTool(name, { env, systemDirectory = "/usr/lib" }) {
  const found = [];
  for (const path of candidates(name, env, systemDirectory)) {
    // A shim of rustup without a toolchain exists and fails: it is then as good as missing.
    const { exitCode, output } = await runCommand(path, ["--version"], { env });
    const version = versionIn(firstLine(output));
    if (exitCode !== 0 || version === undefined) {
      found.push(`${path} (does not run)`);
      continue;
    }
    if (isAtLeast(version, minimumOf(name, path, output))) return { name, path, version, identity: firstLine(output) };
    found.push(`${path} ${version}`);
  }
  return { name, needed: requirement(name), found: found.length === 0 ? "none" : found.join(", ") };
}

/** @param {ToolName} name @param {Environment} env @param {string} systemDirectory @returns {string[]} */
function candidates(name, env, systemDirectory) {
  const own = name === "compiler" ? env["CXX"] : undefined;
  if (own !== undefined && own !== "") return [own.includes("/") ? own : (onPath(own, env)[0] ?? own)];
  switch (name) {
    case "compiler":
      return ["g++", "clang++", ...versioned("g++", [14, 13, 12, 11])].flatMap((program) => onPath(program, env));
    case "cmake":
      return ["cmake", "cmake3"].flatMap((program) => onPath(program, env));
    case "ninja":
      return ["ninja", "ninja-build"].flatMap((program) => onPath(program, env));
    case "cargo":
      return [...onPath("cargo", env), ...rustPlaces(env, systemDirectory)];
  }
}

/** @param {string} program @param {number[]} majors */
function versioned(program, majors) {
  return majors.map((major) => `${program}-${major}`);
}

/**
 * rustup's directory may not be on the PATH of a service; Debian and Ubuntu have /usr/bin/cargo-1.NN or
 * /usr/lib/rust-1.NN/bin/cargo beside an older /usr/bin/cargo.
 *
 * @param {Environment} env
 * @param {string} systemDirectory
 */
function rustPlaces(env, systemDirectory) {
  const rustup = join(env["CARGO_HOME"] ?? join(env["HOME"] || homedir(), ".cargo"), "bin", "cargo");
  const ofSystem = entriesOf(systemDirectory)
    .filter((entry) => /^rust-\d/.test(entry))
    .map((entry) => join(systemDirectory, entry, "bin", "cargo"));
  const numbered = pathDirectories(env).flatMap((directory) =>
    entriesOf(directory).filter((entry) => /^cargo-\d+\.\d+$/.test(entry)).map((entry) => join(directory, entry)),
  );
  return [rustup, ...ofSystem, ...numbered].filter(isProgram);
}

/** @param {string} program @param {Environment} env @returns {string[]} every program of that name, first on the PATH first */
function onPath(program, env) {
  return [...new Set(pathDirectories(env).map((directory) => join(directory, program)))].filter(isProgram);
}

/** @param {Environment} env */
function pathDirectories(env) {
  return (env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "");
}

/** @param {string} directory @returns {string[]} */
function entriesOf(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** @param {ToolName} name @param {string} path @param {string} output of --version */
function minimumOf(name, path, output) {
  if (name !== "compiler") return minimumVersions[name];
  return /clang/i.test(`${path} ${output}`) ? minimumVersions.clang : minimumVersions.gcc;
}

/** @param {ToolName} name */
function requirement(name) {
  if (name === "compiler") return `g++ >= ${minimumVersions.gcc} or clang++ >= ${minimumVersions.clang}`;
  return `${name} >= ${minimumVersions[name]}`;
}

/** @param {string} text */
function firstLine(text) {
  return text.trimStart().split("\n")[0] ?? "";
}

/** The C compiler that belongs to a C++ compiler: g++-12 -> gcc-12, clang++ -> clang. @param {string} cxx */
export function cCompilerOf(cxx) {
  const name = cxx.slice(dirname(cxx) === "." ? 0 : dirname(cxx).length + 1);
  const c = name.replace("clang++", "clang").replace("g++", "gcc").replace(/^c\+\+/, "cc");
  return cxx.includes("/") ? join(dirname(cxx), c) : c;
}

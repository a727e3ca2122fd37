import { BuildError } from "./build-error.mjs";
import { findTools, minimumVersions } from "./build-tools.mjs";
import { lastLines, runCommand } from "./run-command.mjs";
import { isAtLeast, versionIn } from "./versions.mjs";

/** @typedef {import("./build-tools.mjs").Tool} Tool */
/** @typedef {import("./build-tools.mjs").ToolName} ToolName */
/** @typedef {import("./build-tools.mjs").MissingTool} MissingTool */

/**
 * @typedef {object} ToolOptions
 * @property {Record<string, string | undefined>} env
 * @property {(line: string) => void} log
 * @property {boolean} [isRoot]
 * @property {NodeJS.Platform} [platform]
 * @property {string} [systemDirectory]
 */

/** The oldest Debian package number of cargo that will do: Debian once numbered cargo 1.65 as 0.66. */
const minimumCargoPackage = minimumVersions.cargo;

/**
 * Finds build tools; installs what is missing with apt-get when that can be done without asking (root on Debian or
 * Ubuntu), and otherwise throws BuildError with the command to run.
 *
 * @param {readonly ToolName[]} names
 * @param {ToolOptions} options
 * @returns {Promise<Record<ToolName, Tool>>} only the tools asked for are set
 */
export async function requireTools(names, options) {
  const { env, log, isRoot = process.getuid?.() === 0, platform = process.platform } = options;
  const first = await findTools(names, options);
  if (first.missing.length === 0) return byName(first.tools);

  const hasApt = (await runCommand("apt-get", ["--version"], { env })).exitCode === 0;
  if (!hasApt || !isRoot) {
    const command = hasApt ? await aptCommand(first.missing, env) : otherCommand(first.missing, platform);
    throw new BuildError(`${describe(first.missing)}\n${command}`);
  }
  log(`installing build tools with apt-get: ${first.missing.map((tool) => tool.needed).join(", ")}`);
  await runApt(["update"], env);
  const packages = await aptPackages(first.missing, env);
  await runApt(["install", "-y", "--no-install-recommends", ...packages], env);

  const second = await findTools(names, options);
  if (second.missing.length > 0) {
    throw new BuildError(
      `${describe(second.missing)}\napt-get installed ${packages.join(", ")}, which is too old on this system. ` +
        (second.missing.some((tool) => tool.name === "cargo") ? "Install Rust from https://rustup.rs, then run this again." : "") +
        "\nOr set TIDEMARK_ROCKSDB_PREFIX to a RocksDB that was built elsewhere.",
    );
  }
  return byName(second.tools);
}

/** @param {readonly MissingTool[]} missing */
function describe(missing) {
  return missing.map(({ needed, found }) => `RocksDB needs ${needed} to build; found: ${found}.`).join("\n");
}

/** @param {readonly MissingTool[]} missing @param {Record<string, string | undefined>} env */
async function aptCommand(missing, env) {
  const packages = await aptPackages(missing, env);
  return `Run:  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/** @param {readonly MissingTool[]} missing @param {string} platform */
function otherCommand(missing, platform) {
  const names = missing.map((tool) => tool.name);
  if (platform === "darwin") {
    const brew = names.filter((name) => name !== "compiler").map((name) => (name === "cargo" ? "rust" : name));
    const commands = [names.includes("compiler") ? "xcode-select --install" : "", brew.length > 0 ? `brew install ${brew.join(" ")}` : ""];
    return `Run:  ${commands.filter((command) => command !== "").join(" && ")}`;
  }
  const wanted = missing.map((tool) => tool.needed).join(", ");
  return `Install ${wanted} with this system's package manager (cargo also from https://rustup.rs), then run this again.`;
}

/** @param {readonly MissingTool[]} missing @param {Record<string, string | undefined>} env @returns {Promise<string[]>} */
async function aptPackages(missing, env) {
  const packages = [];
  for (const { name } of missing) {
    if (name === "compiler") packages.push("g++");
    if (name === "cmake") packages.push("cmake");
    if (name === "ninja") packages.push("ninja-build");
    // Cargo checks the downloads over TLS, so it needs the certificates, which it only recommends.
    if (name === "cargo") packages.push(await cargoPackage(env), "ca-certificates");
  }
  return packages;
}

/**
 * The first package with a Cargo that is new enough. Debian 11 and 12 have an old `cargo` and a current `cargo-web`
 * (kept for browsers); Ubuntu has `cargo-1.NN` beside an old `cargo`.
 *
 * @param {Record<string, string | undefined>} env
 */
async function cargoPackage(env) {
  const { output } = await runCommand("apt-cache", ["search", "--names-only", "^cargo-1\\."], { env });
  const numbered = output.split("\n").map((line) => line.split(" ")[0] ?? "").filter((name) => /^cargo-1\.\d+$/.test(name));
  numbered.sort((a, b) => (isAtLeast(a.slice(6), b.slice(6)) ? -1 : 1));
  for (const name of ["cargo", "cargo-web", ...numbered]) {
    const policy = await runCommand("apt-cache", ["policy", name], { env });
    const version = versionIn(/Candidate: (\S+)/.exec(policy.output)?.[1] ?? "");
    if (version !== undefined && isAtLeast(version, minimumCargoPackage)) return name;
  }
  return "cargo";
}

/** @param {string[]} args @param {Record<string, string | undefined>} env */
async function runApt(args, env) {
  const { exitCode, output } = await runCommand("apt-get", args, { env: { ...env, DEBIAN_FRONTEND: "noninteractive" } });
  if (exitCode !== 0) {
    throw new BuildError(`apt-get ${args.join(" ")} failed (exit code ${exitCode}):\n${lastLines(output, 15)}`);
  }
}

/** @param {Tool[]} tools @returns {Record<ToolName, Tool>} */
function byName(tools) {
  return /** @type {Record<ToolName, Tool>} */ (Object.fromEntries(tools.map((tool) => [tool.name, tool])));
}

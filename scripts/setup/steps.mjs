import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBinding } from "../../packages/rocksdb/build/binding.mjs";
import { BuildError } from "../../packages/rocksdb/build/build-error.mjs";
import { ensureRocksdb } from "../../packages/rocksdb/build/rocksdb.mjs";
import { lastLines, runCommand } from "../../packages/rocksdb/build/run-command.mjs";
import { firstErrors, lacksOnlyOptional, markInstalled, reasonToInstall } from "./npm-dependencies.mjs";

/** The repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {(line: string) => void} Log */

/** @param {Log} log */
export async function ensureNpmDependencies(log) {
  const reason = reasonToInstall(root, process.versions.node);
  if (reason === undefined) return "up to date";
  log(`npm ci: ${reason}`);
  let { exitCode, output } = await runCommand("npm", ["ci", "--no-fund", "--no-audit"], { cwd: root });
  if (exitCode !== 0 && lacksOnlyOptional(output, readFileSync(join(root, "package-lock.json"), "utf8"))) {
    log("npm ci does not take optional packages of other platforms that the lock file lacks; npm install does");
    ({ exitCode, output } = await runCommand("npm", ["install", "--no-save", "--no-fund", "--no-audit"], { cwd: root }));
  }
  if (exitCode !== 0) {
    throw new BuildError(
      `npm ended with exit code ${exitCode}:\n${firstErrors(output)}\n` +
        "Check the connection to the npm registry. When it says that package-lock.json is not in sync, run: npm install",
    );
  }
  markInstalled(root, process.versions.node);
  return "installed";
}

/** Where ensureLibrary left the library, for ensureBinding. */
let prefix = "";

/** @param {Log} log */
export async function ensureLibrary(log) {
  const result = await ensureRocksdb({ log });
  prefix = result.prefix;
  return result.built ? "built" : "up to date";
}

/** @param {Log} log */
export async function ensureBinding(log) {
  if (prefix === "") await ensureLibrary(log);
  try {
    await buildBinding({ prefix, variant: "release", log });
  } catch (error) {
    // A compiler's complaint or a missing tool: the message is what helps, not where it was thrown.
    throw new BuildError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  return "ready";
}

/**
 * Compiles all packages; the gate checks its own scripts as well.
 *
 * @param {readonly string[]} [projects] folders with a tsconfig.json
 */
export async function compileProjects(projects = ["."]) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { exitCode, output } = await runCommand(process.execPath, [tsc, "-b", ...projects], { cwd: root });
  if (exitCode !== 0) {
    throw new BuildError(`${lastLines(output, 60)}\nThe TypeScript sources have errors (tsc -b, exit code ${exitCode}); see above.`);
  }
  return "compiled";
}

export function compileTypes() {
  return compileProjects();
}

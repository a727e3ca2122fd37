import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastLines, runCommand } from "../../packages/rocksdb/build/run-command.mjs";
import { root } from "../setup/steps.mjs";
import { StageFailure } from "./stage.mjs";

/**
 * Packs every package as npm would publish it, installs the archives in an empty project, imports each entry that
 * package.json exports, opens a RocksDB database there and calls the tidemark command: what a user gets, not what the
 * repository has.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const packStage = {
  name: "packages",
  run: async () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-pack-"));
    try {
      const packages = publicPackages(root);
      const archives = await pack(packages, directory);
      const project = join(directory, "project");
      mkdirSync(project);
      writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
      await npm(["install", "--no-fund", "--no-audit", ...archives], project);
      const entries = packages.flatMap(entriesOf);
      writeFileSync(join(project, "check.mjs"), checkScript(entries));
      const { exitCode, output } = await runCommand(process.execPath, ["check.mjs"], { cwd: project });
      if (exitCode !== 0) throw new StageFailure(`the installed packages do not work:\n${lastLines(output, 40)}`);
      const command = await runCommand(join(project, "node_modules/.bin/tidemark"), ["checkpoint", "--help"], { cwd: project });
      if (command.exitCode !== 0) throw new StageFailure(`the installed tidemark command does not work:\n${lastLines(command.output, 40)}`);
      return { summary: `${packages.length} packages, ${entries.length} entries` };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** @typedef {{ name: string, directory: string, manifest: { exports?: Record<string, unknown>, private?: boolean } }} Package */

/** @param {string} repository @returns {Package[]} */
function publicPackages(repository) {
  const parent = join(repository, "packages");
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((directory) => existsSync(join(directory, "package.json")))
    .map((directory) => ({ directory, manifest: JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ directory, manifest }) => ({ name: manifest.name, directory, manifest }));
}

/** @param {readonly Package[]} packages @param {string} directory @returns {Promise<string[]>} the archives */
async function pack(packages, directory) {
  const workspaces = packages.flatMap(({ name }) => ["--workspace", name]);
  const listing = await npm(["pack", "--json", "--pack-destination", directory, ...workspaces], root);
  const strays = strayFiles(JSON.parse(/^\[[^]*^\]/m.exec(listing)?.[0] ?? "[]"));
  if (strays.length > 0) throw new StageFailure(`files that do not belong into a package:\n${strays.join("\n")}`);
  return readdirSync(directory).filter((name) => name.endsWith(".tgz")).map((name) => join(directory, name));
}

/**
 * Tests, objects and compiler records that the "files" of a package.json let through.
 *
 * @param {readonly { name: string, files: readonly { path: string }[] }[]} archives what `npm pack --json` prints
 * @returns {string[]}
 */
export function strayFiles(archives) {
  return archives.flatMap(({ name, files }) =>
    files.filter(({ path }) => /\.test\.|(^|\/)build\/out\/|\.o$|\.tsbuildinfo$/.test(path)).map(({ path }) => `${name}: ${path}`),
  );
}

/** @param {Package} entry */
function entriesOf({ name, manifest }) {
  return Object.keys(manifest.exports ?? {})
    .filter((path) => !path.endsWith(".json") && !path.includes("*"))
    .map((path) => name + path.slice(1));
}

/** @param {readonly string[]} entries */
function checkScript(entries) {
  // An entry for test suites wants a test runner, which an empty project does not have.
  const imports = entries.filter((entry) => !entry.endsWith("/testing"));
  return `
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
for (const entry of ${JSON.stringify(imports)}) {
  const loaded = await import(entry);
  if (Object.keys(loaded).length === 0) throw new Error(entry + " exports nothing");
}
const { Database } = await import("@tidemark/rocksdb");
const directory = mkdtempSync(join(tmpdir(), "tidemark-open-"));
const database = await Database.open(join(directory, "database"));
await database.close();
rmSync(directory, { recursive: true });
`;
}

/** @param {readonly string[]} args @param {string} cwd @returns {Promise<string>} what npm printed */
async function npm(args, cwd) {
  const { exitCode, output } = await runCommand("npm", args, { cwd });
  if (exitCode !== 0) throw new StageFailure(`npm ${args[0]} failed (exit code ${exitCode}):\n${lastLines(output, 20)}`);
  return output;
}

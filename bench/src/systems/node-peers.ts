import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { peerFolder } from "../node-peers/peer-package.js";
import { createScratch, scratchRoot } from "./scratch-directory.js";

/** Longer than any store takes to open; one that hangs is skipped. */
const tryTimeoutMs = 60_000;

/** Whether a system is a package that is installed for it. */
function isPackage(system: string): boolean {
  return system.startsWith("npm:") && system !== "npm:map-json";
}

/**
 * Installs the packages of the peers that are asked for, in a folder with their package-lock.json, and tries each. Returns why one cannot
 * run here, for those that cannot.
 */
export async function missingNodePeers(
  systems: readonly string[],
  log: (line: string) => void,
  folder: string = peerFolder,
): Promise<Map<string, string>> {
  const peers = systems.filter(isPackage);
  const missing = new Map<string, string>();
  if (peers.length === 0) return missing;
  const failure = await install(folder, log);
  for (const system of peers) {
    const reason = failure ?? (await whyUnusable(system));
    if (reason !== undefined) missing.set(system, reason);
  }
  return missing;
}

/** Installs what package-lock.json says unless that was done before. Returns why it could not. */
async function install(folder: string, log: (line: string) => void): Promise<string | undefined> {
  const stampFile = join(folder, "node_modules", ".tidemark-peers.json");
  const wanted = await stamp(folder);
  if ((await readFile(stampFile, "utf8").catch(() => "")) === wanted) return undefined;
  log("installing the npm packages that are measured beside ours; one that has no binary for this machine is compiled, for some minutes");
  // Not npm ci: it refuses a lock file without the optional packages of other platforms (https://github.com/npm/cli/issues/9846).
  const { error, text } = await run("npm", ["install", "--no-save", "--no-fund", "--no-audit"], { cwd: folder });
  if (error !== undefined) return `npm could not install it: ${firstError(text) ?? error}`;
  // When no package could be installed, npm makes no folder.
  await mkdir(dirname(stampFile), { recursive: true });
  await writeFile(stampFile, wanted);
  return undefined;
}

/** What is installed belongs to a lock file and to a version of Node. */
async function stamp(folder: string): Promise<string> {
  const lock = createHash("sha256").update(await readFile(join(folder, "package-lock.json"))).digest("hex");
  return JSON.stringify({ lock, nodeMajor: Number(process.versions.node.split(".")[0]) });
}

/** Tries a store in a process of its own. */
async function whyUnusable(system: string): Promise<string | undefined> {
  const directory = await createScratch(scratchRoot());
  try {
    const program = fileURLToPath(new URL("../node-peers/try-store.js", import.meta.url));
    const { error, text } = await run(process.execPath, [program, system, directory], { timeout: tryTimeoutMs });
    return error === undefined ? undefined : `its package does not work here: ${text.split("\n").find((line) => line !== "") ?? error}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function firstError(text: string): string | undefined {
  return text.split("\n").find((line) => /^npm error (?!code )\S/u.test(line))?.slice("npm error ".length);
}

/** Runs a program; with what it printed, and how it failed. */
function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; timeout?: number },
): Promise<{ error: string | undefined; text: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 2 ** 26, ...options }, (error, stdout, stderr) => {
      const failure = error === null ? undefined : error.signal ? `ended with ${error.signal}` : error.message;
      resolve({ error: failure, text: stderr + stdout });
    });
  });
}

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ version?: string, link?: boolean, optional?: boolean, resolved?: string }} LockEntry */

/**
 * Why `npm ci` is needed, or undefined when node_modules is what package-lock.json says. A stamp in node_modules
 * answers at once; without it (someone ran npm install) npm's own record of what it installed is compared.
 *
 * @param {string} root
 * @param {string} nodeVersion
 * @returns {string | undefined}
 */
export function reasonToInstall(root, nodeVersion) {
  if (!existsSync(join(root, "node_modules"))) return "there is no node_modules yet";
  const stamp = readStamp(root);
  const wanted = stampFor(root, nodeVersion);
  if (stamp?.lock === wanted.lock && stamp.nodeMajor === wanted.nodeMajor) return undefined;
  if (stamp !== undefined && stamp.nodeMajor !== wanted.nodeMajor) {
    return `node_modules was installed with Node ${stamp.nodeMajor}, this is Node ${wanted.nodeMajor}`;
  }
  const difference = differenceFromLock(root);
  if (difference !== undefined) return difference;
  markInstalled(root, nodeVersion);
  return undefined;
}

/**
 * Whether `npm ci` refused a lock file for nothing but optional packages without an entry. npm from 11.16 on leaves an
 * optional package that its registry does not have out of the lock file, and then takes that file for incomplete
 * (https://github.com/npm/cli/issues/9846). `npm install` has no such check and installs the same versions.
 *
 * @param {string} output of npm ci
 * @param {string} lock text of package-lock.json
 */
export function lacksOnlyOptional(output, lock) {
  const complaints = [...output.matchAll(/^npm error (Missing|Invalid): (.*)$/gm)];
  /** @type {Record<string, { optionalDependencies?: Record<string, string> }>} */
  const packages = JSON.parse(lock).packages;
  const optional = new Set(Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {})));
  return (
    complaints.length > 0 &&
    complaints.every(([, kind, text]) => kind === "Missing" && optional.has(/^(@?[^@]+)@\S* from lock file$/.exec(text ?? "")?.[1] ?? ""))
  );
}

/** What npm complained about, without the usage that it prints after it. @param {string} output @param {number} [count] */
export function firstErrors(output, count = 12) {
  const lines = output.split("\n").filter((line) => /^npm error \S/.test(line));
  return lines.slice(0, count).join("\n");
}

/**
 * Notes that node_modules belongs to the present package-lock.json.
 *
 * @param {string} root
 * @param {string} nodeVersion
 */
export function markInstalled(root, nodeVersion) {
  writeFileSync(stampPath(root), JSON.stringify(stampFor(root, nodeVersion)));
}

/** @param {string} root @returns {string | undefined} */
function differenceFromLock(root) {
  const wanted = lockEntries(join(root, "package-lock.json"));
  const installed = lockEntries(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "node_modules was not installed by npm, or not completely";
  for (const [path, entry] of Object.entries(wanted ?? {})) {
    if (!path.startsWith("node_modules/")) continue;
    const there = installed[path];
    // An optional package may be one for other platforms.
    if (there === undefined && entry.optional === true) continue;
    if (there === undefined) return `${path} is missing`;
    if (there.version !== entry.version) return `${path} is ${there.version} instead of ${entry.version}`;
    if (!existsSync(join(root, path))) return `${path} was deleted`;
  }
  return undefined;
}

/** @param {string} path @returns {Record<string, LockEntry> | undefined} */
function lockEntries(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** @param {string} root */
function stampPath(root) {
  return join(root, "node_modules", ".tidemark-installed.json");
}

/** @param {string} root @returns {{ lock: string, nodeMajor: number } | undefined} */
function readStamp(root) {
  try {
    const { lock, nodeMajor } = JSON.parse(readFileSync(stampPath(root), "utf8"));
    return { lock: String(lock), nodeMajor: Number(nodeMajor) };
  } catch {
    return undefined;
  }
}

/** @param {string} root @param {string} nodeVersion */
function stampFor(root, nodeVersion) {
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  return { lock, nodeMajor: Number(nodeVersion.split(".")[0]) };
}

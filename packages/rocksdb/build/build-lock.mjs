import { linkSync, mkdirSync, readFileSync, rmSync, rmdirSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { errno } from "./cache-directory.mjs";

/** The holder touches its lock this often, so that others on another host (or in another container) see it live. */
const heartbeatMs = 5_000;
/** A lock from another host that was not touched for this long belongs to nobody. */
const abandonedMs = 60_000;

/**
 * @typedef {object} Owner
 * @property {number} pid
 * @property {string} startTime tells a process from a later one with the same pid; "" where that is not known
 * @property {string} host
 */

/**
 * Takes a lock file that only one process can hold, waiting for as long as a live process has it. A lock whose process
 * is dead is taken over. Returns the function that gives the lock back.
 *
 * @param {string} path
 * @param {{ onWait: (owner: Owner) => void, pollMs?: number }} options onWait is called once, before waiting
 * @returns {Promise<() => void>}
 */
export async function acquireLock(path, { onWait, pollMs = 500 }) {
  let told = false;
  for (;;) {
    if (tryCreate(path)) break;
    const owner = readOwner(path);
    if (owner !== undefined && isAbandoned(path, owner)) {
      removeAbandoned(path, owner);
      continue;
    }
    if (owner !== undefined && !told) {
      told = true;
      onWait(owner);
    }
    await sleep(pollMs);
  }
  const heartbeat = setInterval(() => touch(path), heartbeatMs);
  heartbeat.unref();
  const mine = JSON.stringify(thisProcess());
  return () => {
    clearInterval(heartbeat);
    const owner = readOwner(path);
    if (owner !== undefined && JSON.stringify(owner) === mine) rmSync(path, { force: true });
  };
}

/**
 * A link to a finished file appears with its contents or not at all; O_EXCL alone would show an empty file for a moment.
 *
 * @param {string} path
 * @returns {boolean} false when somebody else has the lock
 */
function tryCreate(path) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(thisProcess()));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (errno(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

/** @param {string} path @returns {Owner | undefined} undefined when there is no lock */
function readOwner(path) {
  let text;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    const { pid, startTime, host } = JSON.parse(text);
    return { pid: Number(pid), startTime: String(startTime), host: String(host) };
  } catch {
    // Not written by this code: treat it as another host's, so that its age decides.
    return { pid: 0, startTime: "", host: "" };
  }
}

/** @param {string} path @param {Owner} owner */
function isAbandoned(path, owner) {
  if (owner.host !== hostname()) {
    const status = statSync(path, { throwIfNoEntry: false });
    return status !== undefined && Date.now() - status.mtimeMs > abandonedMs;
  }
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return errno(error) === "ESRCH";
  }
  const startTime = startTimeOf(owner.pid);
  return startTime !== "" && owner.startTime !== "" && startTime !== owner.startTime;
}

/**
 * Two waiters may find the same dead owner. Only the one that makes the guard directory looks again and removes, so that
 * the slower one cannot remove the lock that the faster one has taken in between.
 *
 * @param {string} path
 * @param {Owner} dead
 */
function removeAbandoned(path, dead) {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (errno(error) !== "EEXIST") throw error;
    const status = statSync(guard, { throwIfNoEntry: false });
    if (status !== undefined && Date.now() - status.mtimeMs > abandonedMs) rmdirSync(guard);
    return;
  }
  try {
    if (JSON.stringify(readOwner(path)) === JSON.stringify(dead)) rmSync(path, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

/** @returns {Owner} */
function thisProcess() {
  return { pid: process.pid, startTime: startTimeOf(process.pid), host: hostname() };
}

/** Field 22 of /proc/<pid>/stat (proc(5)), counted after the program's name, which may itself hold blanks. @param {number} pid */
function startTimeOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** @param {string} path */
function touch(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The lock may have been removed by hand; the build itself goes on.
  }
}

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { setUp } from "./setup/main.mjs";

/**
 * Sets up, then runs a program of the repository and ends as it ends.
 *
 * @param {string} program its built file, from the root of the repository
 * @param {readonly string[]} args
 */
export async function runAfterSetup(program, args) {
  if (!(await setUp())) {
    process.exitCode = 1;
    return;
  }
  const file = fileURLToPath(new URL(`../${program}`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: "inherit" });
  // A terminal sends Ctrl-C to the child too; other senders reach only this process.
  const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, forward);
  child.on("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
}

import { spawn } from "node:child_process";

/**
 * @typedef {object} CommandResult
 * @property {number} exitCode 127 when the program is not there, 128 + n when signal n ended it
 * @property {string} output standard output and standard error in the order they came
 */

/**
 * @typedef {object} CommandOptions
 * @property {string} [cwd]
 * @property {Record<string, string | undefined>} [env] the whole environment; default: this process's
 * @property {(line: string) => void} [onLine] called for each line as it comes
 */

const signalNumbers = /** @type {Record<string, number>} */ ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 });
const children = /** @type {Set<import("node:child_process").ChildProcess>} */ (new Set());

/**
 * Runs a program without a shell and without input, and collects what it prints. Never rejects: a program that is
 * missing gives exit code 127, as in a shell.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<CommandResult>}
 */
export function runCommand(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ["ignore", "pipe", "pipe"] });
    children.add(child);
    let output = "";
    let rest = "";
    const take = (/** @type {string} */ text) => {
      output += text;
      if (options.onLine === undefined) return;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine(line);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    const finish = (/** @type {number} */ exitCode) => {
      if (!children.delete(child)) return;
      if (rest !== "") options.onLine?.(rest);
      resolve({ exitCode, output });
    };
    child.on("error", (error) => {
      output += `${error.message}\n`;
      finish(127);
    });
    child.on("close", (code, signal) => finish(code ?? 128 + (signalNumbers[signal ?? ""] ?? 0)));
  });
}

/**
 * Asks every running program to stop, as Ctrl-C does; ninja then removes half-written objects. For signal handlers.
 */
export function interruptCommands() {
  for (const child of children) child.kill("SIGINT");
}

/** The last lines of a program's output, for error messages. @param {string} output @param {number} [count] */
export function lastLines(output, count = 30) {
  return output.trimEnd().split("\n").slice(-count).join("\n");
}

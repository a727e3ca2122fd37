import { isStateError, StateError } from "@tidemark/core";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { fileURLToPath } from "node:url";
import { backendNames, type BackendName } from "./job-contract.js";

/** The name of a backend. Throws UNKNOWN_BACKEND naming those there are. */
export function backendName(name: string): BackendName {
  const found = backendNames.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  throw new StateError("UNKNOWN_BACKEND", `There is no backend "${name}"; choose one of: ${backendNames.join(", ")}`, {
    details: { name },
  });
}

/** A parser of whole numbers for commander. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/u.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  };
}

/** A command that throws instead of ending the process, so that the exit code is decided in one place. */
export function command(name: string, description: string): Command {
  return new Command(name).description(description).exitOverride().allowExcessArguments(false);
}

/** Runs an entry point: its result is the exit code; 2 for a wrong call, 1 for other failures, each with its message. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed its message, or the help that was asked for.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const isWrongCall = isStateError(error) && error.code === "UNKNOWN_BACKEND";
    const text = isStateError(error)
      ? `${error.code}: ${error.message}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = isWrongCall ? 2 : 1;
  }
}

/** The job's process in JavaScript: beside this module when built, in dist/ when this module runs from its source. */
export function jobEntry(moduleUrl: string): string {
  return fileURLToPath(
    new URL("./job-process.js", moduleUrl.endsWith(".ts") ? moduleUrl.replace(/\/src\/(?=[^/]*$)/u, "/dist/") : moduleUrl),
  );
}

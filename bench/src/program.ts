import { CommanderError } from "commander";
import { WrongCallError } from "./command-line.js";
import { WrongResultError } from "./question.js";

/** Runs a program of the benchmarks to its exit code. The first Ctrl-C aborts its signal, a second one ends it at once. */
export async function runProgram(main: (args: readonly string[], signal: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  try {
    process.exitCode = await main(process.argv.slice(2), stop.signal);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/** 2 for a wrong call, 1 for a wrong result and for other failures, each with its message. */
function exitCodeOf(error: unknown): number {
  // commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof WrongResultError ? `Wrong result, so there are no figures: ${text}` : text}\n`);
  return error instanceof WrongCallError ? 2 : 1;
}

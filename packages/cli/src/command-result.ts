import { isStateError } from "@tidemark/core/state";

/** What a command found, for people and for programs. */
export interface CommandResult {
  readonly json: unknown;
  readonly lines: readonly string[];
  /** One line each, on the error stream: what is wrong. The exit code is 1 when there is any. */
  readonly problems: readonly Problem[];
}

/** Something wrong with a checkpoint directory. */
export interface Problem {
  /** A code of docs/errors.md. */
  readonly code: string;
  readonly message: string;
}

/** What was asked for makes no sense or is not there: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An error as a problem: its code and message, nothing of where it was thrown. */
export function problemOf(error: unknown): Problem {
  if (isStateError(error)) {
    return { code: error.code, message: error.message };
  }
  return { code: "INTERNAL", message: `unexpected: ${error instanceof Error ? error.message : String(error)}` };
}

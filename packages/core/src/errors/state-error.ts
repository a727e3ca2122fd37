import type { ErrorCode } from "./codes.js";
import { errorCodes } from "./codes.js";

/** What the caller can do next about an error. */
export type ErrorKind = "fix-call" | "fix-configuration" | "retry" | "restore" | "report-bug";

export interface StateErrorOptions {
  /** The failure underneath, if there was one. */
  readonly cause?: unknown;
  /** Machine-readable facts: names, sizes, paths. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * Every error that Tidemark raises on purpose. `code` is stable and listed in docs/errors.md; `kind` tells the
 * caller's next move; the message says what to do.
 */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: StateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = errorCodes[code].kind;
    this.details = options.details ?? {};
  }
}

/** True for a StateError of any copy of this package (a worker and an embedder may load two). */
export function isStateError(error: unknown): error is StateError {
  return error instanceof Error && error.name === "StateError" && typeof (error as { code?: unknown }).code === "string";
}

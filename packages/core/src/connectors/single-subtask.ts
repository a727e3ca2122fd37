import { StateError } from "../errors/index.js";

/**
 * Connectors that read or write one sequence cannot be split. Throws INVALID_CONFIGURATION when a job runs one with
 * several subtasks, where each would otherwise read everything or overwrite the others.
 */
export function requireSingleSubtask(context: { readonly parallelism: number }, description: string): void {
  if (context.parallelism !== 1) {
    throw new StateError(
      "INVALID_CONFIGURATION",
      `${description} works with parallelism 1 only, but runs with ${context.parallelism}; set its parallelism to 1`,
    );
  }
}

/** Checks a count such as a batch size. Throws INVALID_CONFIGURATION. */
export function requirePositiveInteger(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new StateError("INVALID_CONFIGURATION", `${name} must be a whole number of at least 1, not ${String(value)}`);
  }
  return value;
}

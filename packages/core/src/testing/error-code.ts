import { isStateError } from "../errors/index.js";

/** The code of the StateError that a call throws; a sentence that equals no code when it throws something else or nothing. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return isStateError(error) ? error.code : `not a StateError: ${String(error)}`;
  }
  return "no error";
}

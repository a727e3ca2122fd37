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

/** The code of the error that a promise rejects with; "no error" when it resolves. */
export async function rejectionCodeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "no error",
    (error: unknown) => (isStateError(error) ? error.code : `not a StateError: ${String(error)}`),
  );
}

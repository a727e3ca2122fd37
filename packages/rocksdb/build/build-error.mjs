/**
 * A failure whose message already tells a person what happened and what to do; callers print the message without a
 * stack. Anything else that is thrown is a bug of the build scripts.
 */
export class BuildError extends Error {
  /** @param {string} message @param {{ cause?: unknown }} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = "BuildError";
  }
}

/** Where a command writes, and what that place can show. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Complaints and progress. */
  err(text: string): void;
  /** Whether a person watches `err`, so that a line may be drawn over. */
  readonly isErrInteractive: boolean;
}

/** The terminal of this process. A reader that closes the pipe early, such as head, is no error. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      // Nobody reads any more, so the rest need not be made.
      process.exit();
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isErrInteractive: process.stderr.isTTY,
  };
}

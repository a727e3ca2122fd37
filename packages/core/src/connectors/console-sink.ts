import type { Sink } from "../operators/sink.js";

export interface ConsoleSinkOptions<T> {
  /** The line to print for a value; default String() for text, JSON for the rest. */
  readonly format?: (value: T) => string;
  /** Where lines go; default standard output. */
  readonly print?: (line: string) => void;
}

/** Prints each value, for looking at a job: what was printed cannot be taken back, so a restore prints some values again. */
export function consoleSink<T>(options: ConsoleSinkOptions<T> = {}): Sink<T> {
  const format = options.format ?? ((value: T) => (typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))));
  const print = options.print ?? ((line: string) => void process.stdout.write(`${line}\n`));
  return {
    description: "console",
    open: async () => ({
      write: (value) => print(format(value)),
      drain: () => undefined,
      snapshot: async () => null,
      notifyCheckpointComplete: async () => {},
      finish: async () => {},
      close: async () => {},
    }),
  };
}

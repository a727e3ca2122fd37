import type { Sink } from "@tidemark/core";

/** Hands every result to a function and keeps none. A restore takes nothing back. */
export function resultSink<T>(take: (result: T) => void): Sink<T> {
  return {
    description: "results of a benchmark",
    open: async () => ({
      write: take,
      drain: () => undefined,
      snapshot: async () => null,
      notifyCheckpointComplete: async () => undefined,
      finish: async () => undefined,
      close: async () => undefined,
    }),
  };
}

import { StateError } from "../errors/index.js";
import type { Sink } from "../operators/sink.js";
import type { Json } from "../storage/index.js";
import { requireSingleSubtask } from "./single-subtask.js";

/**
 * Appends each value to `values`, for tests and examples. Exactly once while the array lives: a restore cuts it back to its
 * length at the checkpoint. Throws CHECKPOINT_DAMAGED when the array is not the one that the checkpoint was taken with.
 */
export function collectSink<T>(values: T[]): Sink<T> {
  const lengthBefore = values.length;
  return {
    description: "collect",
    rollsBack: true,
    open: async (context, restored) => {
      requireSingleSubtask(context, "collectSink");
      values.length = restored === undefined ? lengthBefore : restoredLength(restored, values.length);
      return {
        write: (value) => {
          values.push(value);
        },
        drain: () => undefined,
        snapshot: async () => ({ length: values.length }),
        notifyCheckpointComplete: async () => {},
        finish: async () => {},
        close: async () => {},
      };
    },
  };
}

function restoredLength(restored: Json, length: number): number {
  const wanted = typeof restored === "object" && restored !== null ? (restored as { readonly length?: Json }).length : undefined;
  if (typeof wanted !== "number" || !Number.isSafeInteger(wanted) || wanted < 0 || wanted > length) {
    throw new StateError(
      "CHECKPOINT_DAMAGED",
      `The checkpoint has ${JSON.stringify(wanted)} collected values, the array ${length}: ` +
        "collectSink restores only in the process it wrote in",
    );
  }
  return wanted;
}

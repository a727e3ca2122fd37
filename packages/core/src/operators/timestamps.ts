import { StateError } from "../errors/index.js";
import type { Output } from "./output.js";

export interface TimestampsOperator<T> extends Output<T> {
  /** Sends a watermark when the highest timestamp so far allows a later one. Called after each batch of the source. */
  endBatch(): void;
}

/**
 * Gives records their event time and makes watermarks: the highest timestamp seen, less `outOfOrderMs`, less one. Watermarks
 * from upstream are replaced, but for the end of the input.
 */
export function timestampsOperator<T>(timestampOf: (value: T) => number, outOfOrderMs: number, next: Output<T>): TimestampsOperator<T> {
  let highest = -Infinity;
  let sent = -Infinity;
  return {
    collect(value) {
      const timestampMs = timestampOf(value);
      if (!Number.isSafeInteger(timestampMs)) {
        throw new StateError(
          "INVALID_ARGUMENT",
          `an event time must be a whole number of milliseconds since the epoch, not ${String(timestampMs)}`,
        );
      }
      if (timestampMs > highest) highest = timestampMs;
      next.collect(value, timestampMs);
    },
    watermark(timestampMs) {
      if (timestampMs === Infinity) next.watermark(Infinity);
    },
    endBatch() {
      const watermarkMs = highest - outOfOrderMs - 1;
      if (watermarkMs <= sent) return;
      sent = watermarkMs;
      next.watermark(watermarkMs);
    },
  };
}

import type { Output } from "./output.js";

/** Sends the values for which `isWanted` holds. */
export function filterOperator<T>(isWanted: (value: T) => boolean, next: Output<T>): Output<T> {
  return {
    collect: (value, timestampMs) => {
      if (isWanted(value)) next.collect(value, timestampMs);
    },
    watermark: (timestampMs) => next.watermark(timestampMs),
  };
}

import type { Output } from "./output.js";

/** Sends every element of `expand(value)` for each value, each with the value's timestamp. */
export function flatMapOperator<In, Out>(expand: (value: In) => Iterable<Out>, next: Output<Out>): Output<In> {
  return {
    collect: (value, timestampMs) => {
      for (const element of expand(value)) next.collect(element, timestampMs);
    },
    watermark: (timestampMs) => next.watermark(timestampMs),
  };
}

import type { Output } from "./output.js";

/** Sends `change(value)` for each value. */
export function mapOperator<In, Out>(change: (value: In) => Out, next: Output<Out>): Output<In> {
  return {
    collect: (value, timestampMs) => next.collect(change(value), timestampMs),
    watermark: (timestampMs) => next.watermark(timestampMs),
  };
}

import type { Output } from "./output.js";

/** Sends each value to every one of `targets`, in their order. With one target it is that target itself. */
export function fanOut<T>(targets: readonly Output<T>[]): Output<T> {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return only;
  return {
    collect: (value, timestampMs) => {
      for (const target of targets) target.collect(value, timestampMs);
    },
    watermark: (timestampMs) => {
      for (const target of targets) target.watermark(timestampMs);
    },
  };
}

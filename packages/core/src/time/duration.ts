import { StateError } from "../errors/index.js";

/** Milliseconds as a number, or a number with a unit: "250ms", "10s", "5m", "2h", "1d". */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Milliseconds of a duration. `option` names it in the INVALID_CONFIGURATION error that anything else throws. */
export function durationMs(duration: Duration, option: string): number {
  if (typeof duration === "number" && Number.isFinite(duration) && duration >= 0) return duration;
  const match = typeof duration === "string" ? pattern.exec(duration) : null;
  if (match === null) {
    throw new StateError(
      "INVALID_CONFIGURATION",
      `${option} must be milliseconds or a duration like "250ms", "10s", "5m", not ${JSON.stringify(duration)}`,
    );
  }
  return Number(match[1]) * (unitMs[match[2] as string] as number);
}

import { StateError } from "../../errors/index.js";
import { type Duration, durationMs } from "../../time/index.js";

/** When entries of a state expire: values as a whole, map entries and list elements each for itself. */
export interface TtlConfig {
  /** How long an entry lives. */
  readonly duration: Duration;
  /** What starts its life anew: writing it, or reading it too. Default "on-write". */
  readonly update?: "on-write" | "on-read-and-write";
  /**
   * Whether an expired entry that was not removed yet may still be read. Default "never-return-expired".
   */
  readonly visibility?: "never-return-expired" | "return-if-not-cleaned";
}

/** The same with defaults filled in. */
export interface TtlSettings {
  readonly durationMs: number;
  readonly isUpdatedOnRead: boolean;
  readonly returnsExpired: boolean;
}

/** Throws INVALID_CONFIGURATION. */
export function checkTtl(config: TtlConfig, state: string): TtlSettings {
  const milliseconds = durationMs(config.duration, `ttl.duration of state "${state}"`);
  if (!(milliseconds >= 1)) throw new StateError("INVALID_CONFIGURATION", `ttl.duration of state "${state}" must be at least 1 ms`);
  const { update = "on-write", visibility = "never-return-expired" } = config;
  if (update !== "on-write" && update !== "on-read-and-write") {
    throw new StateError("INVALID_CONFIGURATION", `ttl.update of state "${state}" must be "on-write" or "on-read-and-write"`);
  }
  if (visibility !== "never-return-expired" && visibility !== "return-if-not-cleaned") {
    throw new StateError(
      "INVALID_CONFIGURATION",
      `ttl.visibility of state "${state}" must be "never-return-expired" or "return-if-not-cleaned"`,
    );
  }
  return {
    durationMs: Math.floor(milliseconds),
    isUpdatedOnRead: update === "on-read-and-write",
    returnsExpired: visibility === "return-if-not-cleaned",
  };
}

import { int64, struct, type TypeSerializer } from "../serializers/index.js";
import type { TtlSettings } from "./ttl-config.js";

/** A stored value with the time of its last access, milliseconds since the epoch. */
export interface Stamped<T> {
  readonly at: number;
  readonly value: T;
}

/**
 * Encodes a stamped value as `time (8, little endian) | value`: RocksDB's compaction filter reads the time at that place.
 */
export function stampedSerializer<T>(value: TypeSerializer<T>): TypeSerializer<Stamped<T>> {
  return struct({ at: int64(), value }) as unknown as TypeSerializer<Stamped<T>>;
}

/** Milliseconds since the epoch that never go back (rule 9): a clock set back must not make expired state valid again. */
export function monotonicClock(nowMs: () => number): () => number {
  let latestMs = -Infinity;
  return () => {
    latestMs = Math.max(latestMs, Math.floor(nowMs()));
    return latestMs;
  };
}

/** What the TTL of one state decides, at the time of its clock. */
export class TtlRule {
  readonly settings: TtlSettings;
  readonly nowMs: () => number;

  constructor(settings: TtlSettings, nowMs: () => number) {
    this.settings = settings;
    this.nowMs = nowMs;
  }

  stamp<T>(value: T): Stamped<T> {
    return { at: this.nowMs(), value };
  }

  isExpired(stored: Stamped<unknown>): boolean {
    return this.nowMs() - stored.at >= this.settings.durationMs;
  }

  /** True when a reader may see it. */
  isVisible(stored: Stamped<unknown>): boolean {
    return this.settings.returnsExpired || !this.isExpired(stored);
  }
}

import type { Database, ExpiringState } from "@tidemark/rocksdb";
import { type AnyStateDescriptor, checkTtl, type RegisteredState, storedKind } from "@tidemark/core/state";
import { asStateError } from "./errors.js";

/** Records between two looks at the clock: what compaction removes may lag behind, and a record pays next to nothing. */
const recordsPerClock = 1024;

/**
 * Lets compaction remove expired entries: names the states with a ttl to RocksDB, and the time. The time comes from the clock
 * that reads ask (rule 9), so what is removed was already expired for them. State that a checkpoint holds but the job has not
 * declared has no known ttl and stays.
 */
export class TtlCleanup {
  readonly #database: Database;
  readonly #columnFamily: number;
  readonly #nowMs: () => number;
  readonly #states: ExpiringState[] = [];
  #recordsLeft = recordsPerClock;

  /** `nowMs` never goes back. */
  constructor(database: Database, columnFamily: number, nowMs: () => number) {
    this.#database = database;
    this.#columnFamily = columnFamily;
    this.#nowMs = nowMs;
  }

  /** Takes a state in, if its entries expire. */
  add(descriptor: AnyStateDescriptor, { id }: RegisteredState): void {
    if (descriptor.ttl === undefined) return;
    const { durationMs } = checkTtl(descriptor.ttl, descriptor.name);
    // Past 285,000 years a stored time cannot be compared exactly any more.
    if (!Number.isSafeInteger(durationMs)) return;
    // Map entries are stored like values.
    this.#states.push({ stateId: id, ttlMs: durationMs, kind: storedKind(descriptor) === "list" ? "list" : "value" });
    try {
      this.#database.setTtl(this.#columnFamily, this.#states);
    } catch (error) {
      throw asStateError(error);
    }
    this.advance();
  }

  /** Called with every record. */
  step(): void {
    this.#recordsLeft -= 1;
    if (this.#recordsLeft <= 0) this.advance();
  }

  /** Tells RocksDB what time it is now. */
  advance(): void {
    this.#recordsLeft = recordsPerClock;
    if (this.#states.length === 0) return;
    try {
      this.#database.setTtlClock(this.#nowMs());
    } catch (error) {
      throw asStateError(error);
    }
  }
}

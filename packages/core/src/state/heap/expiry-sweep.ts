import type { AnyStateDescriptor } from "../descriptors.js";
import { type Stamped, TtlRule } from "../ttl/stamped.js";
import { checkTtl } from "../ttl/ttl-config.js";
import type { HeapState, IsExpired } from "./heap-state.js";

/** Entries looked at with each record. */
const entriesPerStep = 4;

/** Removes expired entries a few at a time, one state after the other, so that expired state does not stay for want of readers. */
export class ExpirySweep<K> {
  readonly #nowMs: () => number;
  readonly #states: { readonly contents: HeapState<K, unknown>; readonly isExpired: IsExpired }[] = [];
  #next = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes a state in, if its entries expire. */
  add(descriptor: AnyStateDescriptor, contents: HeapState<K, unknown>): void {
    if (descriptor.ttl === undefined) return;
    const rule = new TtlRule(checkTtl(descriptor.ttl, descriptor.name), this.#nowMs);
    this.#states.push({ contents, isExpired: (stored) => rule.isExpired(stored as Stamped<unknown>) });
  }

  step(): void {
    if (this.#states.length === 0) return;
    this.#next = (this.#next + 1) % this.#states.length;
    const state = this.#states[this.#next];
    state?.contents.sweep(state.isExpired, entriesPerStep);
  }
}

import type { FrozenLayer } from "./table-layers.js";

/** A consistent view of the backing store. */
export interface BackingSnapshot {
  release(): void;
}

/** An iterator in front of its first entry. Key and value hold until the next call of next(). */
export interface BackingIterator {
  next(): boolean;
  readonly buffer: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  close(): void;
}

/** What lies under the write-back table: a sorted map that only drains write. */
export interface BackingStore<D> {
  /** True until the first drain wrote something: nothing needs to be looked up then. */
  readonly isEmpty: boolean;
  /** Where get() puts values, from the start. */
  readonly output: Uint8Array;
  /** Length of the value of a key, or -1. */
  get(key: Uint8Array, keyBytes: number, snapshot: BackingSnapshot | undefined): number;
  scan(lower: Uint8Array, upper: Uint8Array, snapshot: BackingSnapshot | undefined): BackingIterator;
  takeSnapshot(): BackingSnapshot;
  /** The last layer that a drain has copied, whether it succeeds or not: what it was told to read may be written from then on. */
  readonly collectedLayer: number;
  /** Applies a layer, all of it at once. One call at a time. What failed can be tried again. */
  drain(layer: FrozenLayer): Promise<D>;
  /** Blocks until the layer of the drain under way was copied; false where that failed. */
  waitForCollected(): boolean;
  /** Blocks until the drain under way has been applied or has failed; false where it failed. Its promise settles later. */
  waitForDrain(): boolean;
  /** The same, but undefined where it takes longer than that. */
  waitForDrain(atMostMs: number): boolean | undefined;
}

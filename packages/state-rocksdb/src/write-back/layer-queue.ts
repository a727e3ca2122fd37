import type { BackingSnapshot, BackingStore } from "./backing-store.js";
import type { FrozenLayer } from "./table-layers.js";
import type { WriteBackTable } from "./write-back-table.js";

/** Layers that may be frozen and not drained: one under way and one waiting (rule 1). */
const frozenMax = 2;

/** How often a drain is tried for a writer that waits for it. */
const drainAttempts = 3;

interface QueuedLayer {
  readonly frozen: FrozenLayer;
  /** Bytes were appended in it to lists that the table does not know whole. */
  readonly hasOperands: boolean;
  /** Called when the layer is in the backing store and no later one is. */
  readonly atApplied: (() => void) | undefined;
  readonly drained: () => void;
  readonly failed: (error: unknown) => void;
  snapshot: BackingSnapshot | undefined;
  state: "waiting" | "draining" | "applied";
  attempts: number;
}

/**
 * Frozen layers on their way into the backing store, one after the other. What becomes of a layer is applied to the table on this
 * thread only: when its drain reports, or earlier when a writer had to wait for it.
 */
export class LayerQueue<D> {
  readonly #table: WriteBackTable;
  readonly #store: BackingStore<D>;
  readonly #onApplied: () => void;
  readonly #onDrained: (result: D) => void;
  readonly #layers: QueuedLayer[] = [];
  #waiters: (() => void)[] = [];
  /** While it is set, no drain of a layer behind `upTo` begins. */
  #hold: { isBroken: boolean; readonly upTo: number } | undefined;
  /** What the last drain failed with, until one succeeds. */
  failure: unknown;
  /** How often a writer had to wait for a drain, or for its copy of the layer. */
  stalls = 0;
  /** How often one was held back for a moment. */
  pauses = 0;

  /**
   * `onApplied` hears that the table's entries of a layer became clean, `onDrained` what the store made of the layer: once for each, in
   * order, also where the first attempt failed.
   */
  constructor(table: WriteBackTable, store: BackingStore<D>, onApplied: () => void, onDrained: (result: D) => void) {
    this.#table = table;
    this.#store = store;
    this.#onApplied = onApplied;
    this.#onDrained = onDrained;
  }

  /** True while another layer may be frozen. */
  get hasSlot(): boolean {
    return this.#pending().length < frozenMax;
  }

  /** True until what became of every frozen layer is known. */
  get isBusy(): boolean {
    return this.#layers.length > 0;
  }

  /** True while a frozen layer is not in the backing store. */
  get isBehind(): boolean {
    return this.#pending().length > 0;
  }

  /** The view under the layer that is being drained, where what was appended may not be seen twice (rule 4). */
  get snapshot(): BackingSnapshot | undefined {
    for (const layer of this.#layers) if (layer.state !== "applied" && layer.snapshot !== undefined) return layer.snapshot;
    return undefined;
  }

  /**
   * Resolves when the layer is in the backing store. Rejects when an attempt failed, also that of a layer before it; the layer stays
   * queued and retry() drains it again. `atApplied` is called when it is in the backing store and no later layer is.
   */
  push(frozen: FrozenLayer, hasOperands: boolean, atApplied?: () => void): Promise<void> {
    const result = new Promise<void>((drained, failed) => {
      this.#layers.push({ frozen, hasOperands, atApplied, drained, failed, snapshot: undefined, state: "waiting", attempts: 0 });
    });
    result.catch(() => undefined);
    this.#startNext();
    return result;
  }

  /** Resolves when a layer may be frozen, or a drain failed. */
  async slot(): Promise<void> {
    this.retry();
    while (!this.hasSlot && this.failure === undefined) await this.#change();
  }

  /** Begins a failed drain again. */
  retry(): void {
    this.failure = undefined;
    this.#startNext();
  }

  /**
   * Does `work` when layers up to `upTo` are in the backing store and no drain is under way: none begins then until its result is there.
   * Undefined where a writer could not wait for it, or a drain failed.
   */
  async between<T>(work: () => Promise<T>, upTo = 0): Promise<T | undefined> {
    while (this.#hold !== undefined) await this.#change();
    // Held before the drain under way has ended, or a writer that fills one layer after the other would never let it begin.
    const hold = { isBroken: false, upTo };
    this.#hold = hold;
    const isBefore = ({ state, frozen }: QueuedLayer): boolean => state === "draining" || (state === "waiting" && frozen.layer <= upTo);
    try {
      while (!hold.isBroken && this.#layers.some(isBefore)) {
        await this.#change();
        if (this.failure !== undefined) hold.isBroken = true;
      }
      const result = hold.isBroken ? undefined : await work();
      return hold.isBroken ? undefined : result;
    } finally {
      if (this.#hold === hold) this.#hold = undefined;
      this.#startNext();
      this.#wake();
    }
  }

  /** Blocks until the layer under way was copied out of the table; false where none is under way, or it was copied already. */
  waitForCollected(): boolean {
    const layer = this.#layers.find(({ state }) => state === "draining");
    if (layer === undefined || layer.frozen.layer <= this.#store.collectedLayer) return false;
    this.stalls += 1;
    return this.#store.waitForCollected();
  }

  /** Blocks until a layer more is in the backing store; false where none is on its way or it failed. */
  wait(): boolean {
    if (this.#pending().length === 0) return false;
    this.stalls += 1;
    this.failure = undefined;
    if (this.#hold !== undefined && !this.#layers.some(({ state }) => state === "draining")) {
      this.#hold.isBroken = true;
      this.#hold = undefined;
      this.#wake();
    }
    for (let attempt = 0; attempt < drainAttempts; attempt += 1) {
      this.#startNext();
      const layer = this.#layers.find(({ state }) => state === "draining");
      if (layer === undefined) return false;
      if (this.#store.waitForDrain()) {
        this.#apply(layer);
        return true;
      }
      layer.state = "waiting";
    }
    return false;
  }

  /** Blocks for a moment, for a writer that is ahead of the drains: it ends early where the one under way does. */
  pace(atMostMs: number): void {
    const layer = this.#layers.find(({ state }) => state === "draining");
    if (layer === undefined) return;
    this.pauses += 1;
    if (this.#store.waitForDrain(atMostMs) === true) this.#apply(layer);
  }

  /** Resolves when nothing is under way; what was not drained by then is given up. */
  async close(): Promise<void> {
    this.#hold = { isBroken: false, upTo: 0 };
    // An applied layer is still to be reported.
    while (this.#layers.some(({ state }) => state !== "waiting")) await this.#change();
  }

  #pending(): readonly QueuedLayer[] {
    return this.#layers.filter(({ state }) => state !== "applied");
  }

  #startNext(): void {
    if (this.failure !== undefined || this.#layers.some(({ state }) => state === "draining")) return;
    const next = this.#layers.find(({ state }) => state === "waiting");
    if (next === undefined || (this.#hold !== undefined && next.frozen.layer > this.#hold.upTo)) return;
    next.state = "draining";
    next.attempts += 1;
    if (next.hasOperands) next.snapshot ??= this.#store.takeSnapshot();
    void this.#drain(next, next.attempts);
  }

  async #drain(layer: QueuedLayer, attempt: number): Promise<void> {
    let result: D;
    try {
      result = await this.#store.drain(layer.frozen);
    } catch (error) {
      layer.failed(error);
      // A writer that waited may have begun the next attempt already.
      if (layer.attempts === attempt && layer.state !== "applied") {
        layer.state = "waiting";
        this.failure = error;
        // Those behind it are not even tried before somebody tries this one again.
        for (const { state, failed } of this.#layers) if (state === "waiting") failed(error);
      }
      this.#wake();
      return;
    }
    if (layer.state === "draining") this.#apply(layer);
    this.#layers.splice(this.#layers.indexOf(layer), 1);
    this.#onDrained(result);
    layer.drained();
    this.#wake();
  }

  #apply(layer: QueuedLayer): void {
    layer.state = "applied";
    this.#table.drained(layer.frozen.layer);
    layer.snapshot?.release();
    this.#onApplied();
    layer.atApplied?.();
    this.#startNext();
  }

  /** Resolves when something about the layers changed. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

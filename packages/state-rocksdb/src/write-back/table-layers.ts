import type { SegmentPool } from "./segment-pool.js";

/** The segments of a layer that was frozen: nothing writes them until the layer is drained. */
export interface FrozenLayer {
  readonly layer: number;
  readonly segments: Uint32Array;
  readonly segmentCount: number;
}

/**
 * Which segment belongs to which layer. A segment belongs to the last layer in which it was written; from the freeze of that layer until
 * its drain has copied it, it may not be written, and its memory not be used again.
 */
export class TableLayers {
  /** The layer that writes go to. */
  current = 1;
  /** Layers up to this one are in the database. */
  drained = 0;
  readonly #pool: SegmentPool;
  /** Segments written in the current layer. */
  #dirty: Uint32Array;
  #dirtyCount = 0;
  /** Segments and blocks that belong to frozen layers only. */
  #retired: { readonly layer: number; readonly segment: number; readonly block: number }[] = [];
  /** For each open cursor the last drained layer when it was opened: later entries must stay. */
  readonly #pins: number[] = [];

  readonly #collectedLayer: () => number;
  /** Layers up to this one were copied by their drains, as far as is known here. */
  #collected = 0;

  /** `collectedLayer` gives the last layer that its drain has copied. */
  constructor(pool: SegmentPool, collectedLayer: () => number) {
    this.#pool = pool;
    this.#collectedLayer = collectedLayer;
    this.#dirty = new Uint32Array(pool.limitSegments);
  }

  /** True where everything is in the database and nobody needs it to stay here. */
  get isIdle(): boolean {
    return this.#dirtyCount === 0 && this.drained === this.current - 1 && this.#pins.length === 0;
  }

  /** Entries of layers up to this one may be evicted. */
  get cleanLimit(): number {
    return this.#pins.length === 0 ? this.drained : Math.min(this.drained, ...this.#pins);
  }

  /** True for a layer that is frozen and that a drain may still have to read. */
  isFrozen(layer: number): boolean {
    if (layer <= this.#collected || layer >= this.current) return false;
    const collected = this.#collectedLayer();
    if (collected > this.#collected) this.#setCollected(collected);
    return layer > this.#collected;
  }

  /** True for a segment that a drain may be reading. */
  isHeld(segment: number): boolean {
    return this.isFrozen(this.#pool.dirtyLayer[segment] as number);
  }

  /** To be called for a segment that is written in the current layer. */
  markDirty(segment: number): void {
    const pool = this.#pool;
    if (pool.dirtyLayer[segment] === this.current) return;
    pool.dirtyLayer[segment] = this.current;
    pool.dirtyIndex[segment] = this.#dirtyCount;
    this.#dirty[this.#dirtyCount] = segment;
    this.#dirtyCount += 1;
  }

  /** A segment made of one that was written in the current layer has entries of that layer. */
  inherit(from: number, to: number): void {
    if (this.#pool.dirtyLayer[from] === this.current) this.markDirty(to);
  }

  /** The segment is no part of the live table any more. */
  retireSegment(segment: number): void {
    const pool = this.#pool;
    const layer = pool.dirtyLayer[segment] as number;
    if (this.isFrozen(layer)) {
      this.#retired.push({ layer, segment, block: -1 });
      return;
    }
    if (layer === this.current) {
      // Out of the list of the current layer: the last one takes its place.
      this.#dirtyCount -= 1;
      const last = this.#dirty[this.#dirtyCount] as number;
      const index = pool.dirtyIndex[segment] as number;
      this.#dirty[index] = last;
      pool.dirtyIndex[last] = index;
    }
    pool.free(segment);
  }

  /** The block of an entry of this layer is no part of the live table any more. */
  retireBlock(layer: number, block: number): void {
    if (this.isFrozen(layer)) this.#retired.push({ layer, segment: -1, block });
    else this.#pool.freeBlock(block);
  }

  /** Ends the current layer. Takes the same time whatever was written in it. */
  freeze(): FrozenLayer {
    const frozen = { layer: this.current, segments: this.#dirty, segmentCount: this.#dirtyCount };
    this.current += 1;
    this.#dirty = new Uint32Array(this.#pool.limitSegments);
    this.#dirtyCount = 0;
    return frozen;
  }

  /** The layer is in the database: its entries are clean from now on. Layers are drained in order. */
  setDrained(layer: number): void {
    this.drained = layer;
    this.#setCollected(layer);
  }

  #setCollected(layer: number): void {
    this.#collected = layer;
    this.#retired = this.#retired.filter((retired) => {
      if (retired.layer > layer) return true;
      if (retired.segment >= 0) this.#pool.free(retired.segment);
      if (retired.block >= 0) this.#pool.freeBlock(retired.block);
      return false;
    });
  }

  /** Keeps every entry that is dirty now until unpin() of what this gives. */
  pin(): number {
    this.#pins.push(this.drained);
    return this.drained;
  }

  unpin(drained: number): void {
    this.#pins.splice(this.#pins.indexOf(drained), 1);
  }
}

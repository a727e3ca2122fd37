import { KeyIndex } from "./key-index.js";
import type { WriteBackTable } from "./write-back-table.js";

/** Where the state id is in a stored key, behind the key group. */
const stateIdAt = 2;

interface LayerKeys {
  readonly layer: number;
  readonly keys: KeyIndex;
}

/**
 * The keys of layers that are not drained yet, in order, by state. Most states are never scanned, so the keys of a state are only
 * collected from the first scan on, or from the start where that is asked for.
 */
export class WrittenKeys {
  readonly #table: WriteBackTable;
  /** By state id; ids are far apart, so an array would be mostly holes. */
  readonly #states = new Map<number, LayerKeys[]>();

  constructor(table: WriteBackTable) {
    this.#table = table;
  }

  keepOrder(stateId: number): void {
    if (this.#states.has(stateId)) return;
    this.#states.set(stateId, []);
    this.#table.visitDirty((key, start, end, layer) => {
      if (stateIdOf(key, start) === stateId) this.#keysOf(stateId, layer).add(key, start, end);
    });
  }

  /** To be called with every key that is written for the first time in the current layer. */
  add(key: Uint8Array, keyBytes: number): void {
    const stateId = stateIdOf(key, 0);
    if (this.#states.has(stateId)) this.#keysOf(stateId, this.#table.layer).add(key, 0, keyBytes);
  }

  /** The keys of the state that a range begins in. */
  of(lower: Uint8Array): readonly KeyIndex[] {
    const stateId = stateIdOf(lower, 0);
    this.keepOrder(stateId);
    return (this.#states.get(stateId) as LayerKeys[]).map(({ keys }) => keys);
  }

  /** Layers up to this one are drained. */
  forget(drainedLayer: number): void {
    for (const [stateId, layers] of this.#states) {
      if (layers.length > 0) this.#states.set(stateId, layers.filter(({ layer }) => layer > drainedLayer));
    }
  }

  #keysOf(stateId: number, layer: number): KeyIndex {
    const layers = this.#states.get(stateId) as LayerKeys[];
    const found = layers.find((candidate) => candidate.layer === layer);
    if (found !== undefined) return found.keys;
    const keys = new KeyIndex();
    layers.push({ layer, keys });
    return keys;
  }
}

function stateIdOf(key: Uint8Array, start: number): number {
  return ((key[start + stateIdAt] as number) << 8) | (key[start + stateIdAt + 1] as number);
}

import type { FileReference } from "@tidemark/core/storage";
import type { CheckpointTable } from "./description.js";

/** A table file that checkpoints name or may come to name. */
export interface ChainTable {
  readonly table: Omit<CheckpointTable, "name">;
  readonly sizeBytes: number;
  /** The layer whose changes it holds; 0 for a table of a base and for what was restored. */
  readonly layer: number;
  /** Where it is in the working directory; undefined once it is in the checkpoint directory. */
  path: string | undefined;
  /** Set once it is in the checkpoint directory. */
  reference: FileReference | undefined;
}

export interface RebasePolicy {
  /** A new base is begun when the deltas hold more than this many times the bytes of the base. */
  readonly deltaRatio: number;
  /** ... or when there are more deltas than this: each slows reads after a restore until compaction took it. */
  readonly deltasMax: number;
}

/**
 * What the next checkpoint is made of: a base (all table files of one moment) and the tables that each layer since has added. What a
 * drain wrote stays part of the chain whatever becomes of the checkpoint it was for (rule 11).
 */
export class CheckpointChain {
  #base: readonly ChainTable[];
  #deltas: ChainTable[];
  #hasBase: boolean;
  /** The last layer that the base holds. */
  #baseLayer = 0;

  constructor(base: readonly ChainTable[], deltas: readonly ChainTable[], hasBase: boolean) {
    this.#base = base;
    this.#deltas = [...deltas];
    this.#hasBase = hasBase;
  }

  /** False until the first base was taken. */
  get hasBase(): boolean {
    return this.#hasBase;
  }

  get base(): readonly ChainTable[] {
    return this.#base;
  }

  /** Tables of a layer that was drained. */
  add(tables: readonly ChainTable[]): void {
    this.#deltas.push(...tables);
  }

  /** Tables that hold the state at the end of a layer. */
  tablesAt(layer: number): readonly ChainTable[] {
    return [...this.#base, ...this.deltasAt(layer)];
  }

  deltasAt(layer: number): readonly ChainTable[] {
    return this.#deltas.filter((delta) => delta.layer <= layer);
  }

  find(uniqueId: string): ChainTable | undefined {
    return this.#base.find(({ table }) => table.uniqueId === uniqueId) ?? this.#deltas.find(({ table }) => table.uniqueId === uniqueId);
  }

  needsRebase({ deltaRatio, deltasMax }: RebasePolicy): boolean {
    if (!this.#hasBase) return true;
    const runs = new Set(this.#deltas.map(({ table, layer }) => `${layer}:${table.largestSequence}`)).size;
    return runs > deltasMax || bytesOf(this.#deltas) > deltaRatio * bytesOf(this.#base);
  }

  /** True where a base taken at the end of `layer` can take the place of the one there is in a checkpoint of layer `atLayer`. */
  canReplaceBase(layer: number, atLayer: number): boolean {
    return layer <= atLayer && layer >= this.#baseLayer;
  }

  /** The tables hold everything up to the end of `layer`; later deltas stay. Gives what is no longer needed. */
  replaceBase(base: readonly ChainTable[], layer: number): readonly ChainTable[] {
    const replaced = [...this.#base, ...this.deltasAt(layer)];
    this.#base = base;
    this.#baseLayer = layer;
    this.#hasBase = true;
    this.#deltas = this.#deltas.filter((delta) => delta.layer > layer);
    return replaced;
  }
}

export function bytesOf(tables: readonly ChainTable[]): number {
  return tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

import type { FileReference } from "@tidemark/core/storage";
import type { CheckpointTable } from "./description.js";

/** A table file that checkpoints name or may come to name. */
export interface ChainTable {
  readonly table: Omit<CheckpointTable, "name">;
  readonly sizeBytes: number;
  /** The layer whose changes it holds; 0 for a table of a base and for what was restored. */
  readonly layer: number;
  /**
   * Where it is in the working directory; undefined for what was restored, and for tables of a base once they are in the checkpoint
   * directory. Deltas stay, because merges read them.
   */
  path: string | undefined;
  /** Set once it is in the checkpoint directory. */
  reference: FileReference | undefined;
}

export interface RebasePolicy {
  /** A new base is begun when the deltas hold more than this many times the bytes of the base. */
  readonly deltaRatio: number;
  /** Beyond so many runs of deltas, old ones are merged: each slows reads after a restore until compaction took it. */
  readonly deltasMax: number;
}

/** Deltas that do not overlap, because they come from one layer or one merge: reads look into one of them. */
export interface DeltaRun {
  readonly tables: readonly ChainTable[];
  /** The newest layer whose changes it holds. */
  readonly layer: number;
  /** How often its entries were merged at most. */
  readonly merges: number;
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

  needsRebase({ deltaRatio }: Pick<RebasePolicy, "deltaRatio">): boolean {
    return !this.#hasBase || bytesOf(this.#deltas) > deltaRatio * bytesOf(this.#base);
  }

  /** Runs of deltas from the oldest to the newest. What a run holds is newer than all that the runs before it hold, key by key. */
  runs(): readonly DeltaRun[] {
    const bySequence = new Map<number, ChainTable[]>();
    for (const delta of this.#deltas) {
      const { largestSequence } = delta.table;
      const tables = bySequence.get(largestSequence);
      if (tables === undefined) bySequence.set(largestSequence, [delta]);
      else tables.push(delta);
    }
    const sorted = [...bySequence].sort(([left], [right]) => left - right);
    return sorted.map(([, tables]) => ({
      tables,
      layer: Math.max(...tables.map(({ layer }) => layer)),
      merges: Math.max(...tables.map(({ table }) => table.merges ?? 0)),
    }));
  }

  /** Whether these are all still part of the chain: a new base may have taken the place of some. */
  hasDeltas(tables: readonly ChainTable[]): boolean {
    const deltas = new Set(this.#deltas);
    return tables.every((table) => deltas.has(table));
  }

  /** Merged tables take the place of what they were merged from: all tables of neighbouring runs. */
  replaceDeltas(replaced: readonly ChainTable[], merged: readonly ChainTable[]): void {
    const gone = new Set(replaced);
    this.#deltas = [...this.#deltas.filter((delta) => !gone.has(delta)), ...merged];
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

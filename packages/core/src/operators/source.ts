import type { FileSystem, Json } from "../storage/index.js";

/**
 * Where records come from. A source is replayable: opened at a position it once gave, it returns exactly the records
 * that followed then, in the same order. That is what makes a restored job exact.
 */
export interface Source<T> {
  /** For messages and explain(): "parquet flights.parquet". */
  readonly description: string;
  /**
   * Opens a reader at the start of the input, or right behind `position` (what an earlier reader's position() returned, as stored in a
   * checkpoint: check it). Throws INPUT_UNREADABLE or INPUT_DAMAGED.
   */
  open(context: SourceContext, position: Json | undefined): Promise<SourceReader<T>>;
}

export interface SourceContext {
  readonly subtask: number;
  readonly parallelism: number;
  readonly fileSystem: FileSystem;
  /** Aborted when the job stops; readers stop waiting for input then. */
  readonly signal: AbortSignal;
}

export interface SourceReader<T> {
  /** Records the input has in all, where that is known before reading; for progress. */
  readonly totalRecords?: number;
  /**
   * The next records (at least one, best 256 to 1,024), or undefined at the end. The array may be reused by the next call. A plain
   * return value is cheaper than a promise where the data is there already.
   */
  nextBatch(): readonly T[] | undefined | Promise<readonly T[] | undefined>;
  /** Where the next batch starts: JSON, the same after a restart. */
  position(): Json;
  close(): Promise<void>;
}

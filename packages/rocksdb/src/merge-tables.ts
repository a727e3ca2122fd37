/** A table file that a drain or a merge wrote. */
export interface MergeInput {
  readonly path: string;
  readonly sizeBytes: number;
  /** As the drain or merge gave it; another file is refused. */
  readonly uniqueId: string;
  /** Of all its entries: files of the same one must not overlap. */
  readonly sequence: number;
  /** Hexadecimal. */
  readonly smallestKey: string;
}

/** Table files to be merged into fewer. */
export interface MergeRequest {
  /**
   * In any order. Whatever else is imported with the result must be older than all of them or newer than all of them: of what lies
   * between, a part would come to lie on the wrong side.
   */
  readonly inputs: readonly MergeInput[];
  /** Existing directory; it is not fsynced itself. */
  readonly directory: string;
  /** The files are called filePrefix-0.sst, filePrefix-1.sst, ... and must not exist yet. */
  readonly filePrefix: string;
  /** A new file is begun when one has reached this size. */
  readonly targetFileBytes: number;
}

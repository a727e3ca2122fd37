import type { TableMemory } from "./table-memory.js";

/** In the place of a block's number: none. */
export const noBlock = 0xffff_ffff;

/** One frozen layer of a write-back table; docs/formats/write-back-table.md says how it lies in memory. */
export interface DrainRequest {
  readonly memory: TableMemory;
  /** Numbers of the frozen segments; copied by the call. Segment s lies in chunk s >>> chunkShift. */
  readonly segments: Uint32Array;
  /** How many elements of `segments` count. */
  readonly segmentCount: number;
  /** 16 to 65,536. */
  readonly segmentBytes: number;
  /** Binary logarithm of the segments a chunk has room for. */
  readonly chunkShift: number;
  /** Entries (of lists: pieces) of this layer are drained, those of other layers stay out. */
  readonly layer: number;
  /** Existing directory on the file system of the database; the files stay there. It is not fsynced itself. */
  readonly directory: string;
  /** The files are called filePrefix-0.sst, filePrefix-1.sst, ... and must not exist yet. */
  readonly filePrefix: string;
  /** A new file is begun when one has reached this size. */
  readonly targetFileBytes: number;
  /**
   * A block of the memory, at least four bytes. Its first four are set to `layer` (little-endian) as soon as the layer was copied out of
   * the table, which may be written from then on, also where the drain fails later: the next attempt uses the copy.
   */
  readonly progressBlock?: number;
}

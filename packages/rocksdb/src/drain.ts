import type { ImportFile } from "./files.js";
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

/** A table file that a drain made and added to the database. Keys are hexadecimal strings. */
export interface DrainedFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** 16 bytes as hexadecimal; the file has it also inside the database and after an import. */
  readonly uniqueId: string;
  /** crc32c of the whole file as hexadecimal, big endian. */
  readonly checksum: string;
  /** That of all its entries, larger than every one given out before. */
  readonly sequence: number;
  readonly smallestKey: string;
  readonly largestKey: string;
  readonly smallestInternalKey: string;
  readonly largestInternalKey: string;
  readonly entryCount: number;
  readonly deletionCount: number;
  /** Set to tell it from a flush output: the sequence number is not in the file, so an import needs the one given here. */
  readonly isIngested: true;
}

/** The entry with which a drained file is imported, above all base files and earlier drains. */
export function importFileOfDrained(file: DrainedFile): ImportFile {
  return {
    name: file.name,
    level: 0,
    sizeBytes: file.sizeBytes,
    smallestSequence: file.sequence,
    largestSequence: file.sequence,
    smallestInternalKey: file.smallestInternalKey,
    largestInternalKey: file.largestInternalKey,
    smallestKey: file.smallestKey,
    largestKey: file.largestKey,
    epoch: 0,
  };
}

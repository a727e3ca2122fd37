import type { ImportFile } from "./files.js";

/**
 * A table file that a drain made and added to the database, or that a merge of such files made. Its entries have one sequence number, which
 * is not in the file, so an import needs the one given here. Keys are hexadecimal strings.
 */
export interface WrittenTable {
  readonly name: string;
  readonly sizeBytes: number;
  /** 16 bytes as hexadecimal; the file has it also inside the database and after an import. */
  readonly uniqueId: string;
  /** crc32c of the whole file as hexadecimal, big endian. */
  readonly checksum: string;
  /** Of a drain: larger than every one given out before. Of a merge: that of its newest input. */
  readonly sequence: number;
  readonly smallestKey: string;
  readonly largestKey: string;
  readonly smallestInternalKey: string;
  readonly largestInternalKey: string;
  readonly entryCount: number;
  readonly deletionCount: number;
}

/** The entry with which it is imported, above all base files and earlier ones of its kind. */
export function importFileOfWritten(file: WrittenTable): ImportFile {
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

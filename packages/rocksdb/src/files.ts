/**
 * A table file that RocksDB can import. Keys are hexadecimal strings, so that a manifest can hold them as JSON.
 * A flush output becomes one with {@link importFileOf}.
 */
export interface ImportFile {
  /** Name inside the directory given to importFiles. */
  readonly name: string;
  /** 0 for flush outputs; a base file keeps the level it was pinned at. */
  readonly level: number;
  readonly sizeBytes: number;
  readonly smallestSequence: number;
  readonly largestSequence: number;
  /** Bounds including range deletions; both "" when unknown, then RocksDB reads them from the file. */
  readonly smallestInternalKey: string;
  readonly largestInternalKey: string;
  readonly smallestKey: string;
  readonly largestKey: string;
  /** Order of level-0 files; 0 when unknown. RocksDB renumbers at import. */
  readonly epoch: number;
}

/** Files in a private directory. */
export interface ImportSource {
  readonly directory: string;
  readonly files: readonly ImportFile[];
}

/** A table file of an open column family. */
export interface LiveFile extends ImportFile {
  readonly columnFamily: string;
  readonly entryCount: number;
  readonly deletionCount: number;
  /** 16 bytes as hexadecimal; survives renaming and import, unlike the name. */
  readonly uniqueId: string;
  /** crc32c of the whole file as hexadecimal, big endian; "" for imported files: RocksDB drops it, so keep your own. */
  readonly checksum: string;
}

/** What one flush wrote. */
export interface FlushOutput {
  readonly name: string;
  readonly columnFamily: string;
  readonly sizeBytes: number;
  readonly smallestSequence: number;
  readonly largestSequence: number;
  readonly uniqueId: string;
  readonly checksum: string;
  /** True when the file is in the flush link directory. */
  readonly isLinked: boolean;
  /** The errno of a failed link; 0 when it worked or no directory was set. */
  readonly linkErrno: number;
}

/** The entry with which a flush output is imported, above all base files. */
export function importFileOf(output: FlushOutput): ImportFile {
  return {
    name: output.name,
    level: 0,
    sizeBytes: output.sizeBytes,
    smallestSequence: output.smallestSequence,
    largestSequence: output.largestSequence,
    smallestInternalKey: "",
    largestInternalKey: "",
    smallestKey: "",
    largestKey: "",
    epoch: 0,
  };
}

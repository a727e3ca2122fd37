/**
 * How entries lie in a segment, as docs/formats/write-back-table.md draws it. Native code reads the same bytes when it drains a layer,
 * so nothing here may change without it.
 */
export const segmentBytes = 32 * 1024;
/** A segment begins with its number of slots; the slots follow, then the entries. */
export const segmentHeaderBytes = 4;
export const slotBytes = 4;

/** `key length (2) | value length (2) | value capacity (2) | kind (1) | referenced (1) | layer (4)`, then key and value. */
export const entryHeaderBytes = 12;
export const valueLengthAt = 2;
export const capacityAt = 4;
export const kindAt = 6;
export const referencedAt = 7;
export const layerAt = 8;

export const valueKind = 1;
export const tombstoneKind = 2;
/** Bytes that were appended, with or without the value they were appended to. */
export const listKind = 3;
export type EntryKind = typeof valueKind | typeof tombstoneKind | typeof listKind;

/** Added to the kind of an entry whose key and value are in a block of their own. */
export const largeFlag = 0x80;
/** Longer entries get a block. */
export const largestInlineBytes = segmentBytes / 8;
/** A stub in the segment: a header with key length 0, the block's id and four unused bytes. */
export const stubValueBytes = 8;
/** A block: `key length (4) | value length (4) | key | value`. */
export const blockHeaderBytes = 8;

/** A list value is pieces, oldest first: `layer (4) | length (4) | bytes`; the highest bit of the length marks the base. */
export const pieceHeaderBytes = 8;
export const baseFlag = 0x8000_0000;

/** Bytes of the segment that an entry takes. */
export function entrySizeBytes(view: DataView, at: number): number {
  return entryHeaderBytes + view.getUint16(at, true) + view.getUint16(at + capacityAt, true);
}

/** Where the first entry of a segment with so many slots begins. */
export function firstEntry(slots: number): number {
  return segmentHeaderBytes + slotBytes * slots;
}

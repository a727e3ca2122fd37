/**
 * A file of stored entries, drawn in docs/formats/entry-file.md:
 * magic (8) | blocks | end block. A block is `length (4) | CRC-32 (4) | records`, a record
 * `key length (varint) | value length (varint) | key | value`, the end block `0 (4) | CRC-32 (4) | entry count (8)`.
 * Integers are little endian.
 */
export const entryFileMagic = Uint8Array.from(Buffer.from("TIDEENT1", "latin1"));
export const blockHeaderBytes = 8;
export const endBlockBytes = blockHeaderBytes + 8;
/** A block is closed once it holds this much; one large entry makes a larger block. */
export const blockTargetBytes = 256 * 1024;
/** No block is larger: the largest value (64 MiB), two keys and some room. A length above it is damage, not data. */
export const blockMaxBytes = 72 * 1024 * 1024;

/**
 * A file of stored entries, drawn in docs/formats/entry-file.md:
 * magic (8) | blocks | end block. A block is `length (4) | CRC-32 (4) | records`, a record
 * `shared (1) | rest length (varint) | value length (varint) | rest of the key | value`, where the key begins with the first `shared`
 * bytes of the key before it in the block. The end block is `0 (4) | CRC-32 (4) | entry count (8)`. Integers are little endian.
 */
export const entryFileMagic = Uint8Array.from(Buffer.from("TIDEENT2", "latin1"));
export const blockHeaderBytes = 8;
export const endBlockBytes = blockHeaderBytes + 8;
/** Longest beginning that a key shares: it bounds how much longer keys may be than what is stored of them. */
export const sharedMaxBytes = 255;
/** A block is closed once it holds this much; one large entry makes a larger block. */
export const blockTargetBytes = 256 * 1024;
/** No block is larger: the largest value (64 MiB), two keys and some room. A length above it is damage, not data. */
export const blockMaxBytes = 72 * 1024 * 1024;

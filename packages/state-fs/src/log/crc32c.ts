/** CRC-32C (Castagnoli): the reversed polynomial 0x82f63b78, as in iSCSI (RFC 3720) and ext4. Eight tables take eight bytes a step. */
const tables = Array.from({ length: 8 }, () => new Int32Array(256));

for (let byte = 0; byte < 256; byte += 1) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f6_3b78 : 0);
  (tables[0] as Int32Array)[byte] = remainder;
}
for (let index = 1; index < 8; index += 1) {
  const [first, before, table] = [tables[0], tables[index - 1], tables[index]] as [Int32Array, Int32Array, Int32Array];
  for (let byte = 0; byte < 256; byte += 1) {
    const remainder = before[byte] as number;
    table[byte] = (remainder >>> 8) ^ (first[remainder & 0xff] as number);
  }
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array,
];

/** The checksum of `bytes[start .. end)`, an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1;
  let at = start;
  for (const blocksEnd = end - ((end - start) % 8); at < blocksEnd; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24));
    crc =
      (t7[low & 0xff] as number) ^ (t6[(low >>> 8) & 0xff] as number) ^ (t5[(low >>> 16) & 0xff] as number) ^ (t4[low >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^ (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^ (t0[bytes[at + 7] as number] as number);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

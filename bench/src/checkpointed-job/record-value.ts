/**
 * The value that a key holds at a version: bytes that do not compress, the same on every machine and on Flink's side. A generator
 * (xorshift32) is started from both numbers, so that any value can be made again when it is checked.
 */
export function recordValue(key: number, version: number, sizeBytes: number): Uint8Array {
  return fillRecordValue(new Uint8Array(sizeBytes), key, version);
}

/** The same in a given array, all of it. */
export function fillRecordValue(value: Uint8Array, key: number, version: number): Uint8Array {
  const sizeBytes = value.length;
  let state = (Math.imul(key + 1, 0x9e3779b1) ^ Math.imul(version + 1, 0x85ebca6b)) | 1;
  const words = sizeBytes >>> 2;
  const view = new DataView(value.buffer, value.byteOffset, sizeBytes);
  for (let word = 0; word < words; word += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    view.setInt32(word << 2, state, true);
  }
  for (let at = words << 2; at < sizeBytes; at += 1) value[at] = state >>> ((at & 3) << 3);
  return value;
}

/** Whether `found` is the value of a key at a version. `scratch` has its length and is overwritten. */
export function isRecordValue(found: Uint8Array | null | undefined, key: number, version: number, scratch: Uint8Array): boolean {
  if (found === null || found === undefined || found.length !== scratch.length) return false;
  return Buffer.compare(found, fillRecordValue(scratch, key, version)) === 0;
}

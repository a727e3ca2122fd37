/** Bytes with a view over all of them: a ByteWriter, a ByteReader. */
export interface ByteSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Copies a few bytes; from some 32 on the engine's own copy is faster than a loop. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > 32) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from += 1, to += 1) target[to] = source[from] as number;
}

/** The same where there are views: word by word, which is faster up to some 200 bytes. */
export function copyRange(source: ByteSource, start: number, end: number, target: Uint8Array, targetView: DataView, at: number): void {
  if (end - start > 192) target.set(source.bytes.subarray(start, end), at);
  else copyWords(source.view, start, end - start, targetView, at);
}

/** The same for a few words, without looking how many. */
export function copyWords(source: DataView, start: number, length: number, target: DataView, at: number): void {
  const words = length & ~3;
  let offset = 0;
  for (; offset < words; offset += 4) {
    // Read before the call: V8 makes no call of the writing only where nothing comes between finding the method and calling it.
    const word = source.getInt32(start + offset, true);
    target.setInt32(at + offset, word, true);
  }
  for (; offset < length; offset += 1) {
    const byte = source.getUint8(start + offset);
    target.setUint8(at + offset, byte);
  }
}

/** True where `length` bytes are equal, for keys of a few words. */
export function sameWords(left: DataView, leftStart: number, right: DataView, rightStart: number, length: number): boolean {
  // Most keys are of eight bytes; a loop costs as much again as what it compares, and is apart so that calls of this are inlined.
  if (length !== 8) return sameWordsOf(left, leftStart, right, rightStart, length);
  return left.getInt32(leftStart, true) === right.getInt32(rightStart, true) &&
    left.getInt32(leftStart + 4, true) === right.getInt32(rightStart + 4, true);
}

function sameWordsOf(left: DataView, leftStart: number, right: DataView, rightStart: number, length: number): boolean {
  const words = length & ~3;
  let offset = 0;
  for (; offset < words; offset += 4) {
    if (left.getInt32(leftStart + offset, true) !== right.getInt32(rightStart + offset, true)) return false;
  }
  for (; offset < length; offset += 1) if (left.getUint8(leftStart + offset) !== right.getUint8(rightStart + offset)) return false;
  return true;
}

/** How many bytes are equal before the first that differ, or `length`. */
export function commonBytes(left: DataView, leftStart: number, right: DataView, rightStart: number, length: number): number {
  const words = length & ~3;
  let offset = 0;
  for (; offset < words; offset += 4) {
    const difference = left.getInt32(leftStart + offset, true) ^ right.getInt32(rightStart + offset, true);
    // Its lowest bit that is set is in the first byte that differs.
    if (difference !== 0) return offset + ((31 - Math.clz32(difference & -difference)) >>> 3);
  }
  for (; offset < length; offset += 1) if (left.getUint8(leftStart + offset) !== right.getUint8(rightStart + offset)) break;
  return offset;
}

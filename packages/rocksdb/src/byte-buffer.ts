import { RocksDBError } from "./errors.js";

/** Below this many bytes a loop is faster than subarray() + set(), which allocates a view. */
const LOOP_BYTES = 48;

/** Throws RocksDBError INVALID_ARGUMENT unless [start, end) lies inside bytes. */
export function checkRange(bytes: Uint8Array, start: number, end: number): void {
  if (!(bytes instanceof Uint8Array)) throw new RocksDBError("INVALID_ARGUMENT", "expected a Uint8Array");
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= bytes.length) return;
  throw new RocksDBError("INVALID_ARGUMENT", `the range ${start} to ${end} is not inside ${bytes.length} bytes`);
}

/** Copies source[start, end) to target at position. The caller has checked the range. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, position: number): void {
  if (end - start > LOOP_BYTES) {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), position);
    return;
  }
  for (let from = start, to = position; from < end; from++, to++) target[to] = source[from] as number;
}

/** A buffer of at least `needed` bytes with the first `used` bytes of the old one; sizes double. */
export function grownBuffer(old: Uint8Array, needed: number, used: number): Uint8Array<ArrayBuffer> {
  let size = Math.max(old.length, 64);
  while (size < needed) size *= 2;
  const buffer = new Uint8Array(size);
  buffer.set(old.subarray(0, used));
  return buffer;
}

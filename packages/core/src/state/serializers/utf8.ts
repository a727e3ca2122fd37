import type { ByteReader, ByteWriter } from "./bytes.js";
import { corrupt } from "./refusal.js";

// Measured on Node 20: up to 24 ASCII characters a loop over the bytes makes a string in 25-60 ns, TextDecoder in 110;
// past that TextDecoder wins. It is fatal, so damaged bytes are seen, and keeps a leading U+FEFF.
const longestLoopBytes = 24;
const longestLoopChars = 48;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** True unless a surrogate stands alone: such strings have no UTF-8 form. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Size in bytes of a well-formed string in UTF-8. */
export function utf8SizeBytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Appends a short all-ASCII string and returns true, or returns false with nothing appended. */
export function tryWriteShortAscii(text: string, out: ByteWriter): boolean {
  const count = text.length;
  if (count > longestLoopChars) return false;
  out.ensure(count);
  const { bytes, length } = out;
  for (let i = 0; i < count; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    bytes[length + i] = unit;
  }
  out.length = length + count;
  return true;
}

/** Appends a well-formed string whose UTF-8 form takes `sizeBytes`. */
export function writeUtf8(text: string, sizeBytes: number, out: ByteWriter): void {
  out.ensure(sizeBytes);
  encoder.encodeInto(text, out.bytes.subarray(out.length, out.length + sizeBytes));
  out.length += sizeBytes;
}

/** Reads `sizeBytes` of UTF-8. Throws STATE_CORRUPT where they are none. */
export function readUtf8(input: ByteReader, sizeBytes: number): string {
  input.need(sizeBytes);
  if (sizeBytes <= longestLoopBytes) {
    const text = tryReadShortAscii(input.bytes, input.position, input.position + sizeBytes);
    if (text !== undefined) {
      input.position += sizeBytes;
      return text;
    }
  }
  try {
    return decoder.decode(input.subarray(sizeBytes));
  } catch {
    return corrupt("text that is not UTF-8", input.position);
  }
}

function tryReadShortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    const e = bytes[at + 4] as number;
    const f = bytes[at + 5] as number;
    const g = bytes[at + 6] as number;
    const h = bytes[at + 7] as number;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at++) {
    const unit = bytes[at] as number;
    if (unit > 0x7f) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

/** Appends any string as its UTF-16 code units, two bytes each, low byte first. */
export function writeUtf16(text: string, out: ByteWriter): void {
  out.ensure(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    out.view.setUint16(out.length, text.charCodeAt(i), true);
    out.length += 2;
  }
}

/** Reads `sizeBytes` of UTF-16. Throws STATE_CORRUPT for an odd number. */
export function readUtf16(input: ByteReader, sizeBytes: number): string {
  input.need(sizeBytes);
  if (sizeBytes % 2 !== 0) corrupt("UTF-16 text of an odd number of bytes", input.position);
  const parts: string[] = [];
  const end = input.position + sizeBytes;
  while (input.position < end) {
    const units: number[] = [];
    for (const stop = Math.min(end, input.position + 4096); input.position < stop; input.position += 2) {
      units.push(input.view.getUint16(input.position, true));
    }
    parts.push(String.fromCharCode(...units));
  }
  return parts.join("");
}

import type { ByteReader, ByteWriter } from "./bytes.js";
import { corrupt } from "./refusal.js";

// Keys of variable length end in a zero byte, so nothing inside may be one: 0 and 1 are written as two bytes each.
// 0 -> 1 1 and 1 -> 1 2 keep the order, since the end sorts before every byte inside.
const terminator = 0;
const escape = 1;
const escapedZero = 1;
const escapedOne = 2;

/** Appends bytes such that the order is that of the bytes and no encoding is a prefix of another. */
export function writeOrderedBytes(source: Uint8Array, out: ByteWriter): void {
  out.ensure(source.length + 1);
  for (let i = 0; i < source.length; i++) writeEscaped(source[i] as number, out);
  out.u8(terminator);
}

function writeEscaped(byte: number, out: ByteWriter): void {
  if (byte > escape) {
    out.u8(byte);
  } else {
    out.u8(escape);
    out.u8(byte === 0 ? escapedZero : escapedOne);
  }
}

/** Reads what `writeOrderedBytes` wrote. */
export function readOrderedBytes(input: ByteReader): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(terminatedSizeBytes(input));
  let count = 0;
  for (let byte = input.u8(); byte !== terminator; byte = input.u8()) {
    content[count++] = byte === escape ? readEscaped(input) : byte;
  }
  return content.slice(0, count);
}

function terminatedSizeBytes(input: ByteReader): number {
  const { bytes, end } = input;
  for (let at = input.position; at < end; at++) if (bytes[at] === terminator) return at - input.position;
  return corrupt("a key without its end", end);
}

function readEscaped(input: ByteReader): number {
  const code = input.u8();
  if (code !== escapedZero && code !== escapedOne) corrupt("a malformed key", input.position);
  return code - 1;
}

/**
 * Appends a string such that the order is that of JavaScript's `<` (UTF-16 code units). Each unit takes the bytes
 * UTF-8 would give it (1 to 3), so ASCII stays ASCII and a lone surrogate is a unit like any other; a pair takes 6
 * bytes (the form known as CESU-8).
 */
export function writeOrderedText(text: string, out: ByteWriter): void {
  const count = text.length;
  out.ensure(count + 1);
  const { bytes } = out;
  let at = out.length;
  for (let i = 0; i < count; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= escape || unit > 0x7f) {
      out.length = at;
      writeOrderedRest(text, i, out);
      return;
    }
    bytes[at++] = unit;
  }
  bytes[at++] = terminator;
  out.length = at;
}

function writeOrderedRest(text: string, start: number, out: ByteWriter): void {
  for (let i = start; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= 0x7f) {
      writeEscaped(unit, out);
    } else if (unit <= 0x7ff) {
      out.u8(0xc0 | (unit >> 6));
      out.u8(0x80 | (unit & 0x3f));
    } else {
      out.u8(0xe0 | (unit >> 12));
      out.u8(0x80 | ((unit >> 6) & 0x3f));
      out.u8(0x80 | (unit & 0x3f));
    }
  }
  out.u8(terminator);
}

/** Reads what `writeOrderedText` wrote; only the shortest form of a unit is taken. */
export function readOrderedText(input: ByteReader): string {
  // A key is read when someone lists keys, not on a record's path, so this is plain rather than fast.
  let text = "";
  for (let byte = input.u8(); byte !== terminator; byte = input.u8()) {
    text += String.fromCharCode(byte === escape ? readEscaped(input) : byte <= 0x7f ? byte : readLongUnit(byte, input));
  }
  return text;
}

function readLongUnit(first: number, input: ByteReader): number {
  if (first >= 0xc2 && first <= 0xdf) return ((first & 0x1f) << 6) | readContinuation(input);
  if (first < 0xe0 || first > 0xef) corrupt("a key that is no text", input.position);
  const unit = ((first & 0x0f) << 12) | (readContinuation(input) << 6) | readContinuation(input);
  if (unit <= 0x7ff) corrupt("a key that is no text", input.position);
  return unit;
}

function readContinuation(input: ByteReader): number {
  const byte = input.u8();
  if ((byte & 0xc0) !== 0x80) corrupt("a key that is no text", input.position);
  return byte & 0x3f;
}

import type { ByteReader, ByteWriter } from "./bytes.js";
import type { ValueAndKey } from "./numbers.js";
import { readOrderedText, writeOrderedText } from "./ordered-bytes.js";
import { refuseKey, refuseValue } from "./refusal.js";
import { isWellFormed, readUtf16, readUtf8, tryWriteShortAscii, utf8SizeBytes, writeUtf16, writeUtf8 } from "./utf8.js";

// Header: twice the size in bytes, plus one where the content is UTF-16 (a string with a lone surrogate).
const utf16Flag = 1;

function writeText(value: string, out: ByteWriter): void {
  if (typeof value !== "string") refuseValue(value, "a string");
  if (value.length < 64) {
    out.u8(value.length * 2);
    if (tryWriteShortAscii(value, out)) return;
    out.length--;
  }
  if (isWellFormed(value)) {
    const sizeBytes = utf8SizeBytes(value);
    out.ensure(sizeBytes + 1);
    out.varint(sizeBytes * 2);
    writeUtf8(value, sizeBytes, out);
  } else {
    out.ensure(value.length * 2 + 1);
    out.varint(value.length * 4 + utf16Flag);
    writeUtf16(value, out);
  }
}

function readText(input: ByteReader): string {
  const header = input.varint();
  return (header & utf16Flag) === 0 ? readUtf8(input, header >>> 1) : readUtf16(input, header >>> 1);
}

const stringSerializer: ValueAndKey<string> = {
  isCompiled: true,
  write: writeText,
  read: readText,
  snapshot: () => ({ type: "string" }),
  writeKey(key, out) {
    if (typeof key !== "string") refuseKey(key, "a string");
    writeOrderedText(key, out);
  },
  readKey: readOrderedText,
  keySnapshot: () => ({ type: "string" }),
};

/** Every string, lone surrogates included. Keys sort as JavaScript's `<` does: by UTF-16 code unit. */
export function string(): ValueAndKey<string> {
  return stringSerializer;
}

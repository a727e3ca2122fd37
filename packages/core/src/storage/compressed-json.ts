import { promisify } from "node:util";
import { gunzipSync, gzip, gzipSync } from "node:zlib";
import { damaged, decodeFramedJson, type DocumentFormat, encodeFramedJson, type JsonObject } from "./framed-json.js";

/** How every gzip file begins: two magic bytes and the one method there is. */
const magic = Uint8Array.of(0x1f, 0x8b, 0x08);

export interface CompressedJson {
  readonly bytes: Uint8Array;
  readonly unpackedBytes: number;
}

/** A framed document (see framed-json.ts) as a gzip file, so that `zcat` shows it. Throws what encodeFramedJson throws. */
export function encodeCompressedJson(format: DocumentFormat, content: JsonObject): Uint8Array {
  return gzipSync(encodeFramedJson(format, content));
}

/** The same for a large document, compressed on another thread. */
export async function compressedJson(format: DocumentFormat, content: JsonObject): Promise<CompressedJson> {
  const framed = encodeFramedJson(format, content);
  return { bytes: await promisify(gzip)(framed), unpackedBytes: framed.length };
}

/**
 * Reads what encodeCompressedJson wrote. Never unpacks more than `format.maxBytes`, whatever the file says. Throws CHECKPOINT_DAMAGED,
 * CHECKPOINT_VERSION.
 */
export function decodeCompressedJson(format: DocumentFormat, bytes: Uint8Array, source: string): JsonObject {
  return decodeFramedJson(format, unpacked(bytes, format.maxBytes, source), source);
}

/**
 * What is in a gzip file, of which no more than `maxBytes` are unpacked. Throws CHECKPOINT_DAMAGED. Bits that gzip does not use may be
 * flipped: who must know compares the SHA-256 of the file.
 */
export function unpacked(bytes: Uint8Array, maxBytes: number, source: string): Uint8Array {
  if (bytes.length > maxBytes) {
    throw damaged("too-large", source, `it has ${bytes.length} bytes, the limit is ${maxBytes}`);
  }
  if (!magic.subarray(0, bytes.length).every((byte, index) => bytes[index] === byte)) {
    throw damaged("not-ours", source, "it is not a gzip file");
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    switch ((cause as NodeJS.ErrnoException).code) {
      case "ERR_BUFFER_TOO_LARGE":
        throw damaged("too-large", source, `it unpacks to more than ${maxBytes} bytes, the limit`, cause);
      case "Z_BUF_ERROR":
        throw damaged("cut-short", source, `it is cut short after ${bytes.length} bytes`, cause);
      default:
        throw damaged("altered", source, "it does not unpack: it was altered", cause);
    }
  }
}

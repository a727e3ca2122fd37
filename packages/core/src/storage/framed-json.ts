import { createHash } from "node:crypto";
import { StateError } from "../errors/index.js";
import type { Json } from "./manifest.js";

/** A kind of document: what its body says in `format` and `version`, and how large it may get. */
export interface DocumentFormat {
  /** For example "tidemark-checkpoint". */
  readonly name: string;
  readonly version: number;
  readonly maxBytes: number;
  /** Arrays and objects inside each other. */
  readonly maxDepth: number;
}

/** Why a document was refused; in `details.reason` of CHECKPOINT_DAMAGED. */
export type DamageReason = "cut-short" | "altered" | "not-ours" | "too-large" | "encoding" | "shape";

export type JsonObject = { readonly [key: string]: Json };

const prefixStart = '{"checksum":"';
const prefixEnd = '","body":';
const suffix = "}\n";
const bodyOffset = prefixStart.length + 64 + prefixEnd.length;

/** SHA-256 in lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Writes `content` as indented JSON inside a checksummed frame: `{"checksum":"<SHA-256 of the body's bytes>","body":<body>}\n`.
 * The whole is JSON too, so people and tools can read it. `content` must have been validated: numbers finite, depth bounded.
 * Throws INVALID_ARGUMENT when it is larger than the format allows.
 */
export function encodeFramedJson(format: DocumentFormat, content: JsonObject): Uint8Array {
  const body = new TextEncoder().encode(canonicalBody({ format: format.name, version: format.version, ...content }));
  const frame = Buffer.concat([Buffer.from(prefixStart + sha256Hex(body) + prefixEnd), body, Buffer.from(suffix)]);
  if (frame.length > format.maxBytes) {
    throw new StateError(
      "INVALID_ARGUMENT",
      `a ${format.name} document of ${frame.length} bytes is over the limit of ${format.maxBytes}: put large state into files, not into it`,
    );
  }
  return frame;
}

/**
 * Checks frame, checksum, format name and version, in this order, and returns the body with `format` and `version` taken out. Throws
 * CHECKPOINT_DAMAGED saying what is wrong, or CHECKPOINT_VERSION naming both versions. `source` is the file, for messages.
 */
export function decodeFramedJson(format: DocumentFormat, bytes: Uint8Array, source: string): JsonObject {
  const text = checkedBody(format, bytes, source);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw damaged("shape", source, "its body is not JSON", cause);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw damaged("not-ours", source, "its body is not an object");
  }
  requireDepth(body, format.maxDepth, source);
  const { format: name, version, ...content } = body as JsonObject;
  if (name !== format.name) {
    throw damaged("not-ours", source, `it is ${JSON.stringify(name ?? null)}, not ${JSON.stringify(format.name)}`);
  }
  if (typeof version !== "number" || !Number.isSafeInteger(version)) {
    throw damaged("shape", source, `its version is ${JSON.stringify(version ?? null)}, not a whole number`);
  }
  if (version !== format.version) {
    const advice = version > format.version ? "use the newer release that wrote it" : "use the older release that wrote it";
    throw new StateError(
      "CHECKPOINT_VERSION",
      `${source} is ${format.name} version ${version}; this release reads version ${format.version}: ${advice}`,
      { details: { source, found: version, supported: format.version } },
    );
  }
  // Writing it again must give the same bytes: refuses duplicate keys, which JSON.parse would silently settle, and numbers it rounds.
  if (canonicalBody(body) !== text) {
    throw damaged("shape", source, "its body is not in the form Tidemark writes (duplicate keys, other spacing or numbers)");
  }
  return content;
}

/** CHECKPOINT_DAMAGED with the reason and what to do. */
export function damaged(reason: DamageReason, source: string, what: string, cause?: unknown): StateError {
  const advice = "restore it from a copy or use another checkpoint";
  return new StateError("CHECKPOINT_DAMAGED", `${source} is damaged: ${what}; ${advice}`, {
    details: { source, reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

function canonicalBody(body: unknown): string {
  return JSON.stringify(body, null, 2);
}

function checkedBody(format: DocumentFormat, bytes: Uint8Array, source: string): string {
  if (bytes.length > format.maxBytes) {
    throw damaged("too-large", source, `it has ${bytes.length} bytes, the limit is ${format.maxBytes}`);
  }
  requirePrefix(bytes, source);
  const end = bytes.length - suffix.length;
  if (end < bodyOffset || latin1(bytes.subarray(end)) !== suffix) {
    throw damaged("cut-short", source, `it is cut short: ${bytes.length} bytes without its closing bracket and line end`);
  }
  const body = bytes.subarray(bodyOffset, end);
  const expected = latin1(bytes.subarray(prefixStart.length, prefixStart.length + 64));
  if (sha256Hex(body) !== expected) {
    throw damaged("altered", source, "its checksum does not match: it was altered or cut short");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw damaged("encoding", source, "its body is not UTF-8", cause);
  }
}

/** A file that agrees with the frame as far as it goes was cut short; any other never was one of ours. */
function requirePrefix(bytes: Uint8Array, source: string): void {
  const head = latin1(bytes.subarray(0, bodyOffset));
  const hex = head.slice(prefixStart.length, prefixStart.length + 64);
  const tail = head.slice(prefixStart.length + 64);
  const agrees = prefixStart.startsWith(head.slice(0, prefixStart.length)) && /^[0-9a-f]*$/.test(hex) && prefixEnd.startsWith(tail);
  if (!agrees) {
    throw damaged("not-ours", source, "it does not start like a Tidemark document");
  }
  if (head.length < bodyOffset) {
    throw damaged("cut-short", source, `it is cut short after ${bytes.length} bytes`);
  }
}

/** Without recursion: the depth is not known to be harmless yet. */
function requireDepth(root: object, maxDepth: number, source: string): void {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) {
      throw damaged("shape", source, `its body nests deeper than ${maxDepth} levels`);
    }
    level = level.flatMap((each) => Object.values(each).filter((value) => typeof value === "object" && value !== null) as object[]);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

import { ByteReader, ByteWriter, type KeyedDescription } from "@tidemark/core/state";
import type { Json } from "@tidemark/core/storage";
import { crc32c } from "./crc32c.js";

/*
 * A segment of a change log, drawn in docs/formats/changelog.md: magic (8) | header | records. The header is `length (4) | CRC-32C (4) |
 * JSON`, a record `length (4) | CRC-32C (4) | seq (8) | operation (1) | key length (varint) | key | value`. Integers are little endian.
 */

export const segmentMagic = Uint8Array.from(Buffer.from("TIDELOG1", "latin1"));
/** Length and checksum, in front of the header and of each record. */
export const frameBytes = 8;
/** The smallest body: seq, operation and the length of an empty key. */
export const smallestBodyBytes = 10;

/** What a record says happened. */
export const operations = {
  put: 1,
  delete: 2,
  /** List elements went behind the stored list. */
  append: 3,
  /** Everything up to here belongs together and was acknowledged, or is about to be. */
  commit: 4,
  /** The value is the table of states, as JSON: it comes before the first entry of a new state. */
  states: 5,
} as const;

const knownOperations: ReadonlySet<number> = new Set(Object.values(operations));

/** A point in a log: which log, and the number of the last record. */
export interface LogPosition {
  readonly log: string;
  readonly seq: number;
}

/** What the first bytes of a segment say about it. */
export interface SegmentHeader {
  /** Random text, one for each log. */
  readonly log: string;
  readonly firstSeq: number;
  readonly keyGroups: readonly [first: number, last: number];
  /** Keys and states when the segment was begun. */
  readonly keyed: KeyedDescription;
  /** The checkpoint that the log started from, if any. */
  readonly origin: LogPosition | null;
}

/** The first bytes of a segment. */
export function encodeHeader(header: SegmentHeader): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const out = new ByteWriter({ initialBytes: segmentMagic.length + frameBytes + json.length });
  out.raw(segmentMagic);
  out.u32(json.length);
  out.u32(crc32c(json));
  out.raw(json);
  return out.copy();
}

/** Appends a record: its key and its value, or none. */
export function writeRecord(out: ByteWriter, seq: number, operation: number, key?: ByteWriter, value?: ByteWriter): void {
  const start = out.length;
  out.u32(0);
  out.u32(0);
  out.safeInteger(seq);
  out.u8(operation);
  out.varint(key?.length ?? 0);
  if (key !== undefined) out.raw(key.bytes, 0, key.length);
  if (value !== undefined) out.raw(value.bytes, 0, value.length);
  const bodyStart = start + frameBytes;
  out.patchU32(start, out.length - bodyStart);
  out.patchU32(start + 4, crc32c(out.bytes, bodyStart, out.length));
}

/** Takes one record. The arrays are views that hold as long as the file's bytes. */
export type RecordConsumer = (operation: number, key: Uint8Array, value: Uint8Array, seq: number, end: number) => void;

/** What was found in the bytes of a segment, up to their end or to the first record that is not right. */
export interface ParsedSegment {
  /** Undefined when the beginning of the file is not right. */
  readonly header: SegmentHeader | undefined;
  /** firstSeq - 1 when there is no record. */
  readonly lastSeq: number;
  /** Where the first record begins. */
  readonly headerEnd: number;
  /** What is wrong behind the last good record; undefined: nothing. */
  readonly problem: string | undefined;
  /** Whether a good record comes somewhere behind the bad place: then it is damage and not a torn end. */
  readonly isFollowed: boolean;
}

/** Reads a segment. `firstSeq` is what its first record must have. Gives every record before the first bad place to `consume`. */
export function parseSegment(bytes: Uint8Array, firstSeq: number, consume: RecordConsumer): ParsedSegment {
  const found = parseHeader(bytes);
  if (typeof found === "string" || found.header.firstSeq !== firstSeq) {
    const problem = typeof found === "string" ? found : `it begins with record ${found.header.firstSeq} instead of ${firstSeq}`;
    const isFollowed = isRecordBehind(bytes, 0, firstSeq);
    return { header: undefined, lastSeq: firstSeq - 1, headerEnd: 0, problem, isFollowed };
  }
  const { header, headerEnd } = found;
  const reader = new ByteReader(bytes);
  let position = headerEnd;
  let seq = firstSeq;
  while (position < bytes.length) {
    const bodyEnd = recordEnd(bytes, reader.view, position);
    const problem = bodyEnd === undefined ? "its checksum or length is wrong" : readBody(reader, position, bodyEnd, seq, consume);
    if (bodyEnd === undefined || problem !== undefined) {
      const text = `record ${seq} at byte ${position}: ${problem}`;
      return { header, lastSeq: seq - 1, headerEnd, problem: text, isFollowed: isRecordBehind(bytes, position + 1, seq) };
    }
    position = bodyEnd;
    seq += 1;
  }
  return { header, lastSeq: seq - 1, headerEnd, problem: undefined, isFollowed: false };
}

/** The header and where it ends, or what is wrong with it. */
function parseHeader(bytes: Uint8Array): { readonly header: SegmentHeader; readonly headerEnd: number } | string {
  const start = segmentMagic.length + frameBytes;
  const magic = bytes.subarray(0, segmentMagic.length);
  if (bytes.length < start || Buffer.compare(magic, segmentMagic) !== 0) return "it does not begin like a log";
  const reader = new ByteReader(bytes, segmentMagic.length);
  const headerEnd = start + reader.u32();
  const checksum = reader.u32();
  if (headerEnd > bytes.length || crc32c(bytes, start, headerEnd) !== checksum) return "its header is cut short or altered";
  return { header: JSON.parse(Buffer.from(bytes.subarray(start, headerEnd)).toString()) as SegmentHeader, headerEnd };
}

/** Where the record at `position` ends, or undefined unless its length and checksum are right. */
function recordEnd(bytes: Uint8Array, view: DataView, position: number): number | undefined {
  const bodyStart = position + frameBytes;
  if (bodyStart > bytes.length) return undefined;
  const length = view.getUint32(position, true);
  const end = bodyStart + length;
  if (length < smallestBodyBytes || end > bytes.length) return undefined;
  return crc32c(bytes, bodyStart, end) === view.getUint32(position + 4, true) ? end : undefined;
}

function readBody(reader: ByteReader, position: number, end: number, seq: number, consume: RecordConsumer): string | undefined {
  reader.reset(reader.bytes, position + frameBytes, end);
  const found = reader.safeInteger();
  if (found !== seq) return `its number is ${found}`;
  const operation = reader.u8();
  if (!knownOperations.has(operation)) return `its operation ${operation} is unknown`;
  const key = reader.subarray(reader.varint());
  consume(operation, key, reader.subarray(reader.remaining), seq, end);
  return undefined;
}

/** Whether any byte from `from` on begins a good record with a number of at least `seq` that this file has room for. */
function isRecordBehind(bytes: Uint8Array, from: number, seq: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const highest = seq + bytes.length / (frameBytes + smallestBodyBytes);
  for (let position = from; position + frameBytes + smallestBodyBytes <= bytes.length; position += 1) {
    // The number is looked at first: it rules out almost every place without a checksum over what may be the rest of the file.
    const high = view.getUint32(position + frameBytes + 4, true);
    const found = high * 0x1_0000_0000 + view.getUint32(position + frameBytes, true);
    if (found >= seq && found <= highest && recordEnd(bytes, view, position) !== undefined) return true;
  }
  return false;
}

/** A table of states as it is in a record's value. */
export function encodeStates(states: Json): ByteWriter {
  const out = new ByteWriter();
  out.raw(Buffer.from(JSON.stringify(states)));
  return out;
}

export function decodeStates(value: Uint8Array): Json {
  return JSON.parse(Buffer.from(value).toString()) as Json;
}

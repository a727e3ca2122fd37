import { ByteReader } from "./bytes.js";
import { dateOfTime } from "./date.js";
import { extension, maxNesting } from "./msgpack-format.js";
import { corrupt } from "./refusal.js";
import { readUtf16, readUtf8 } from "./utf8.js";

/**
 * Reads one MessagePack value. Depth is bounded and every count is compared with the bytes left, so damaged or hostile
 * bytes cost no more than their size. Throws STATE_CORRUPT.
 */
export function readDynamic(input: ByteReader): unknown {
  return readValue(input, 0);
}

function readValue(input: ByteReader, depth: number): unknown {
  const format = input.u8();
  if (format <= 0x7f) return format;
  if (format >= 0xe0) return format - 0x100;
  if (format <= 0x8f) return readObject(input, format & 0x0f, depth);
  if (format <= 0x9f) return readArray(input, format & 0x0f, depth);
  if (format <= 0xbf) return readUtf8(input, format & 0x1f);
  switch (format) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcb:
      return input.f64be();
    case 0xcc:
      return input.u8();
    case 0xcd:
      return input.u16be();
    case 0xce:
      return input.u32be();
    case 0xd0:
      return (input.u8() << 24) >> 24;
    case 0xd1:
      return (input.u16be() << 16) >> 16;
    case 0xd2:
      return input.u32be() | 0;
    default:
      return readRare(format, input, depth);
  }
}

function readRare(format: number, input: ByteReader, depth: number): unknown {
  switch (format) {
    case 0xc4:
      return input.copy(input.u8());
    case 0xc5:
      return input.copy(input.u16be());
    case 0xc6:
      return input.copy(input.u32be());
    case 0xc7:
      return readExtension(input, input.u8(), depth);
    case 0xc8:
      return readExtension(input, input.u16be(), depth);
    case 0xc9:
      return readExtension(input, input.u32be(), depth);
    case 0xd3: {
      const high = BigInt(input.u32be() | 0);
      return (high << 32n) | BigInt(input.u32be());
    }
    case 0xd4:
      return readExtension(input, 1, depth);
    case 0xd9:
      return readUtf8(input, input.u8());
    case 0xda:
      return readUtf8(input, input.u16be());
    case 0xdb:
      return readUtf8(input, input.u32be());
    case 0xdc:
      return readArray(input, input.u16be(), depth);
    case 0xdd:
      return readArray(input, input.u32be(), depth);
    case 0xde:
      return readObject(input, input.u16be(), depth);
    case 0xdf:
      return readObject(input, input.u32be(), depth);
    default:
      return corrupt(`the format byte ${format}, which this release does not write,`, input.position);
  }
}

function enter(input: ByteReader, smallestBytes: number, depth: number): void {
  input.need(smallestBytes);
  if (depth === maxNesting) corrupt(`a value nested more than ${maxNesting} deep`, input.position);
}

function readArray(input: ByteReader, count: number, depth: number): unknown[] {
  enter(input, count, depth);
  const value: unknown[] = [];
  for (let i = 0; i < count; i++) value.push(readValue(input, depth + 1));
  return value;
}

function readObject(input: ByteReader, count: number, depth: number): Record<string, unknown> {
  enter(input, count * 2, depth);
  const value: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const name = readValue(input, maxNesting);
    if (typeof name !== "string" || name === "__proto__") corrupt("an object with an impossible property name", input.position);
    if (Object.hasOwn(value, name)) corrupt("an object with a property twice", input.position);
    value[name] = readValue(input, depth + 1);
  }
  return value;
}

function readExtension(input: ByteReader, sizeBytes: number, depth: number): unknown {
  const type = input.u8();
  input.need(sizeBytes);
  const end = input.position + sizeBytes;
  const content = new ByteReader(input.bytes, input.position, end);
  const value = readContent(type, content, sizeBytes, depth);
  content.expectEnd();
  input.position = end;
  return value;
}

function readContent(type: number, content: ByteReader, sizeBytes: number, depth: number): unknown {
  switch (type) {
    case extension.undefined:
      if (content.u8() !== 0) corrupt("a malformed undefined", content.position);
      return undefined;
    case extension.bigint:
      return readMagnitude(content);
    case extension.utf16:
      return readUtf16(content, sizeBytes);
    case extension.map: {
      const flat = readElements(content, depth);
      if (flat.length % 2 !== 0) corrupt("a Map with a key that has no value", content.position);
      const map = new Map<unknown, unknown>();
      for (let i = 0; i < flat.length; i += 2) map.set(flat[i], flat[i + 1]);
      if (map.size * 2 !== flat.length) corrupt("a Map with a key twice", content.position);
      return map;
    }
    case extension.set: {
      const members = readElements(content, depth);
      const set = new Set(members);
      if (set.size !== members.length) corrupt("a Set with a member twice", content.position);
      return set;
    }
    case 0xff:
      return readTimestamp(content);
    default:
      return corrupt(`the extension type ${type}, which this release does not write,`, content.position);
  }
}

function readElements(content: ByteReader, depth: number): unknown[] {
  if (content.u8() !== 0xdd) corrupt("a malformed Map or Set", content.position);
  return readArray(content, content.u32be(), depth);
}

function readTimestamp(content: ByteReader): Date {
  const milliseconds = content.u32be() / 1_000_000;
  const seconds = (content.u32be() | 0) * 0x1_0000_0000 + content.u32be();
  if (!Number.isInteger(milliseconds) || milliseconds > 999) corrupt("a time that is not in whole milliseconds", content.position);
  return dateOfTime(seconds * 1000 + milliseconds, content.position);
}

function readMagnitude(content: ByteReader): bigint {
  const sign = content.u8();
  if (sign > 1 || content.remaining === 0) corrupt("a malformed bigint", content.position);
  let digits = "0x";
  for (const byte of content.subarray(content.remaining)) digits += byte.toString(16).padStart(2, "0");
  return sign === 0 ? -BigInt(digits) : BigInt(digits);
}

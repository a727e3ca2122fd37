import type { ByteReader, ByteWriter } from "./bytes.js";
import { timeOfDate } from "./date.js";
import { extension, maxNesting } from "./msgpack-format.js";
import { readDynamic } from "./msgpack-reader.js";
import { locateRefusal, refuseValue } from "./refusal.js";
import type { TypeSerializer } from "./serializer.js";
import { isWellFormed, tryWriteShortAscii, utf8SizeBytes, writeUtf16, writeUtf8 } from "./utf8.js";

/**
 * Appends any value in MessagePack form. One pass encodes and checks: a library would need a walk before it (to refuse
 * what it changes silently) and another over the bytes before reading them (to bound depth and counts).
 */
function writeDynamic(value: unknown, out: ByteWriter, depth: number): void {
  switch (typeof value) {
    case "number":
      return writeNumber(value, out);
    case "string":
      return writeString(value, out);
    case "boolean":
      return out.u8(value ? 0xc3 : 0xc2);
    case "bigint":
      return writeBigint(value, out);
    case "undefined":
      out.u8(0xd4);
      out.u8(extension.undefined);
      return out.u8(0);
    case "object":
      if (value === null) return out.u8(0xc0);
      if (depth === maxNesting) refuseValue(value, `a value nested at most ${maxNesting} deep`, "it refers to itself or is a long chain");
      return writeObject(value, out, depth + 1);
    default:
      refuseValue(value, "data", "functions and symbols cannot be stored");
  }
}

function writeNumber(value: number, out: ByteWriter): void {
  if ((value | 0) !== value || (value === 0 && Object.is(value, -0))) {
    if (value > 0 && value >>> 0 === value) {
      out.u8(0xce);
      return out.u32be(value);
    }
    // Integers past 32 bits too: every safe one is an exact double, and 64-bit integers are left to bigints.
    out.u8(0xcb);
    return out.f64be(value);
  }
  if (value >= -0x20 && value <= 0x7f) return out.u8(value);
  if (value >= -0x80 && value <= 0xff) {
    out.u8(value < 0 ? 0xd0 : 0xcc);
    return out.u8(value);
  }
  if (value >= -0x8000 && value <= 0xffff) {
    out.u8(value < 0 ? 0xd1 : 0xcd);
    return out.u16be(value);
  }
  out.u8(value < 0 ? 0xd2 : 0xce);
  out.u32be(value);
}

function writeString(value: string, out: ByteWriter): void {
  if (value.length < 0x20) {
    out.u8(0xa0 | value.length);
    if (tryWriteShortAscii(value, out)) return;
    out.length--;
  }
  if (!isWellFormed(value)) {
    writeExtensionHead(extension.utf16, value.length * 2, out);
    return writeUtf16(value, out);
  }
  const sizeBytes = utf8SizeBytes(value);
  out.ensure(sizeBytes);
  if (sizeBytes < 0x20) {
    out.u8(0xa0 | sizeBytes);
  } else {
    writeSize(sizeBytes, 0xd9, 0xda, 0xdb, out);
  }
  writeUtf8(value, sizeBytes, out);
}

/** A size behind the format byte of its width; `byteFormat` 0 where there is none for one byte. */
function writeSize(size: number, byteFormat: number, shortFormat: number, longFormat: number, out: ByteWriter): void {
  if (size <= 0xff && byteFormat !== 0) {
    out.u8(byteFormat);
    out.u8(size);
  } else if (size <= 0xffff) {
    out.u8(shortFormat);
    out.u16be(size);
  } else {
    out.u8(longFormat);
    out.u32be(size);
  }
}

function writeExtensionHead(type: number, sizeBytes: number, out: ByteWriter): void {
  writeSize(sizeBytes, 0xc7, 0xc8, 0xc9, out);
  out.u8(type);
}

function writeBigint(value: bigint, out: ByteWriter): void {
  if (BigInt.asIntN(64, value) === value) {
    out.u8(0xd3);
    out.ensure(8);
    out.view.setBigInt64(out.length, value, false);
    out.length += 8;
    return;
  }
  const magnitude = (value < 0n ? -value : value).toString(16);
  const digits = magnitude.length % 2 === 0 ? magnitude : `0${magnitude}`;
  writeExtensionHead(extension.bigint, 1 + digits.length / 2, out);
  out.u8(value < 0n ? 0 : 1);
  for (let i = 0; i < digits.length; i += 2) out.u8(Number.parseInt(digits.slice(i, i + 2), 16));
}

function writeObject(value: object, out: ByteWriter, depth: number): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return writePlainObject(value as Record<string, unknown>, out, depth);
  if (prototype === Array.prototype && Array.isArray(value)) return writeArray(value, out, depth);
  if (prototype === Uint8Array.prototype && value instanceof Uint8Array) {
    writeSize(value.length, 0xc4, 0xc5, 0xc6, out);
    return out.raw(value);
  }
  if (prototype === Map.prototype && value instanceof Map) return writeMap(value, out, depth);
  if (prototype === Set.prototype && value instanceof Set) return writeSet(value, out, depth);
  if (prototype === Date.prototype) {
    const timeMs = timeOfDate(value) ?? refuseValue(value, "a valid Date");
    // MessagePack's own timestamp, in its 96-bit form.
    const seconds = Math.floor(timeMs / 1000);
    writeExtensionHead(0xff, 12, out);
    out.u32be((timeMs - seconds * 1000) * 1_000_000);
    out.u32be(Math.floor(seconds / 0x1_0000_0000));
    return out.u32be(seconds);
  }
  refuseObject(value, prototype);
}

function refuseObject(value: object, prototype: unknown): never {
  const expected = "plain data (objects, arrays, Map, Set, Date, Uint8Array and primitives)";
  if (value instanceof Uint8Array) {
    refuseValue(value, expected, "it would come back as a plain Uint8Array: store new Uint8Array(it) or use bytes()");
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) refuseValue(value, expected, "store its bytes as a Uint8Array");
  if (prototype === null) refuseValue(value, expected, "it would come back with a prototype: store {...value}");
  refuseValue(value, expected, "its class would be lost: store a plain object, or use serializer() for the class");
}

function writePlainObject(value: Record<string, unknown>, out: ByteWriter, depth: number): void {
  const names = Object.keys(value);
  const count = names.length;
  if (count < 0x10) {
    out.u8(0x80 | count);
  } else {
    writeSize(count, 0, 0xde, 0xdf, out);
  }
  for (let i = 0; i < count; i++) {
    const name = names[i] as string;
    const inner = value[name];
    if (name === "__proto__") refuseValue(value, "an object without the property __proto__", "rename it or use a Map");
    writeString(name, out);
    try {
      writeDynamic(inner, out, depth);
    } catch (error) {
      throw locateRefusal(error, name);
    }
  }
  if (Object.getOwnPropertySymbols(value).length > 0) refuseValue(value, "an object without symbols as names");
}

function writeArray(value: readonly unknown[], out: ByteWriter, depth: number): void {
  const count = value.length;
  if (count < 0x10) {
    out.u8(0x90 | count);
  } else {
    writeSize(count, 0, 0xdc, 0xdd, out);
  }
  for (let i = 0; i < count; i++) {
    const inner = value[i];
    try {
      if (inner === undefined && !(i in value)) refuseValue(inner, "an array without holes");
      writeDynamic(inner, out, depth);
    } catch (error) {
      throw locateRefusal(error, i);
    }
  }
}

// A Map is an extension that holds an array of key, value, key, value; a Set one that holds an array of its members.
function writeMap(value: ReadonlyMap<unknown, unknown>, out: ByteWriter, depth: number): void {
  const start = beginExtension(extension.map, value.size * 2, out);
  for (const [key, inner] of value) {
    try {
      writeDynamic(key, out, depth);
    } catch (error) {
      throw locateRefusal(error, "key");
    }
    try {
      writeDynamic(inner, out, depth);
    } catch (error) {
      throw locateRefusal(error, typeof key === "string" ? key : "value");
    }
  }
  out.patchU32be(start - 5, out.length - start);
}

function writeSet(value: ReadonlySet<unknown>, out: ByteWriter, depth: number): void {
  const start = beginExtension(extension.set, value.size, out);
  for (const inner of value) {
    try {
      writeDynamic(inner, out, depth);
    } catch (error) {
      throw locateRefusal(error, "member");
    }
  }
  out.patchU32be(start - 5, out.length - start);
}

/** Returns where the content starts; its size, in the four bytes before the type, is patched when it is known. */
function beginExtension(type: number, count: number, out: ByteWriter): number {
  out.u8(0xc9);
  out.u32be(0);
  out.u8(type);
  const start = out.length;
  out.u8(0xdd);
  out.u32be(count);
  return start;
}

const msgpackSerializer: TypeSerializer<unknown> = {
  isCompiled: false,
  write: (value, out) => writeDynamic(value, out, 0),
  read: (input: ByteReader) => readDynamic(input),
  snapshot: () => ({ type: "msgpack" }),
};

/**
 * The default: any plain data, described in the bytes themselves (MessagePack). Takes null, undefined, booleans,
 * numbers (NaN and -0 too), bigints, strings, Uint8Array, Date, arrays, plain objects, Map and Set, at most
 * 100 deep, and gives back the same. Everything that would change is refused: instances of classes, Buffer and
 * other typed arrays, functions, symbols, cycles, holes in arrays, the property `__proto__`. Not part of a value:
 * getters (their result is stored), properties that are not enumerable, properties of an array beside its elements,
 * and that two places held the same object. `struct()` is several times faster and smaller.
 */
export function msgpack<T = unknown>(): TypeSerializer<T> {
  return msgpackSerializer as TypeSerializer<T>;
}

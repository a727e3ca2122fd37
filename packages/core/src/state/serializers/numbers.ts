import type { ByteReader, ByteWriter } from "./bytes.js";
import { corrupt, refuseKey, refuseValue } from "./refusal.js";
import type { KeySerializer, TypeSerializer } from "./serializer.js";

/** Serves as the serializer of values and of keys. */
export type ValueAndKey<T> = TypeSerializer<T> & KeySerializer<T>;

const signBit = 0x8000_0000;

const int32Expected = "an integer from -2147483648 to 2147483647";
const int64Expected = "a safe integer (-(2^53 - 1) to 2^53 - 1)";
const int64Advice = "use bigint64() for larger integers and float64() for fractions";

const int32Serializer: ValueAndKey<number> = {
  isCompiled: true,
  fixedSizeBytes: 4,
  write(value, out) {
    if (typeof value !== "number" || (value | 0) !== value) refuseValue(value, int32Expected);
    out.i32(value);
  },
  read: (input) => input.i32(),
  snapshot: () => ({ type: "int32" }),
  writeKey(key, out) {
    if (typeof key !== "number" || (key | 0) !== key) refuseKey(key, int32Expected);
    out.u32be(key ^ signBit);
  },
  readKey: (input) => (input.u32be() ^ signBit) | 0,
  keySnapshot: () => ({ type: "int32" }),
  fixedKeyBytes: 4,
};

const int64Serializer: ValueAndKey<number> = {
  isCompiled: true,
  fixedSizeBytes: 8,
  write(value, out) {
    if (!Number.isSafeInteger(value)) refuseValue(value, int64Expected, int64Advice);
    out.safeInteger(value);
  },
  read: (input) => input.safeInteger(),
  snapshot: () => ({ type: "int64" }),
  writeKey(key, out) {
    if (!Number.isSafeInteger(key)) refuseKey(key, int64Expected, int64Advice);
    writeSafeIntegerKey(key, out);
  },
  readKey: readSafeIntegerKey,
  keySnapshot: () => ({ type: "int64" }),
  fixedKeyBytes: 8,
};

const float64Serializer: ValueAndKey<number> = {
  isCompiled: true,
  fixedSizeBytes: 8,
  write(value, out) {
    if (typeof value !== "number") refuseValue(value, "a number");
    out.f64(value);
  },
  read: (input) => input.f64(),
  snapshot: () => ({ type: "float64" }),
  writeKey(key, out) {
    if (typeof key !== "number" || key !== key) refuseKey(key, "a number that is not NaN");
    writeFloat64Key(key, out);
  },
  readKey: readFloat64Key,
  keySnapshot: () => ({ type: "float64" }),
  fixedKeyBytes: 8,
};

/** A safe integer as 8 ordered bytes: 64-bit two's complement with the sign bit flipped, highest byte first. */
export function writeSafeIntegerKey(key: number, out: ByteWriter): void {
  const low = key >>> 0;
  out.ensure(8);
  const { view, length } = out;
  // Most keys fit the low half.
  view.setInt32(length, key === low ? signBit : ((key - low) / 0x1_0000_0000) ^ signBit, false);
  view.setInt32(length + 4, low, false);
  out.length = length + 8;
}

export function readSafeIntegerKey(input: ByteReader): number {
  input.need(8);
  const { view, position } = input;
  const high = (view.getInt32(position, false) ^ signBit) | 0;
  const key = high * 0x1_0000_0000 + view.getUint32(position + 4, false);
  input.position = position + 8;
  if (!Number.isSafeInteger(key)) corrupt("an integer key that no number holds exactly", input.position);
  return key;
}

/**
 * A double as 8 ordered bytes: IEEE 754 bits, highest byte first, with the sign bit flipped for positive numbers and
 * every bit flipped for negative ones. -0 becomes 0.
 */
export function writeFloat64Key(key: number, out: ByteWriter): void {
  out.f64be(key + 0);
  const at = out.length - 8;
  const high = out.view.getUint32(at, false);
  if (high >= signBit) {
    out.patchU32be(at, ~high);
    out.patchU32be(at + 4, ~out.view.getUint32(at + 4, false));
  } else {
    out.patchU32be(at, high ^ signBit);
  }
}

const scratch = new DataView(new ArrayBuffer(8));

export function readFloat64Key(input: ByteReader): number {
  const high = input.u32be();
  const low = input.u32be();
  const isPositive = high >= signBit;
  scratch.setUint32(0, isPositive ? high ^ signBit : ~high);
  scratch.setUint32(4, isPositive ? low : ~low);
  const key = scratch.getFloat64(0);
  if (key !== key || Object.is(key, -0)) corrupt("a number key that is NaN or -0", input.position);
  return key;
}

/** Integers from -2^31 to 2^31 - 1 in 4 bytes. As for all integers, -0 comes back as 0. */
export function int32(): ValueAndKey<number> {
  return int32Serializer;
}

/** Safe integers in 8 bytes (64-bit two's complement, little-endian, so that stores can add in place). -0 becomes 0. */
export function int64(): ValueAndKey<number> {
  return int64Serializer;
}

/** Every number in 8 bytes, with NaN, the infinities and -0. As a key NaN is refused and -0 equals 0. */
export function float64(): ValueAndKey<number> {
  return float64Serializer;
}

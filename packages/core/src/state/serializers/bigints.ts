import type { ByteReader, ByteWriter } from "./bytes.js";
import type { ValueAndKey } from "./numbers.js";
import { corrupt, refuseKey, refuseValue } from "./refusal.js";

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;
const bigint64Expected = "a bigint from -(2^63) to 2^63 - 1";

/** Largest magnitude of `bigint()`: as long as the length field and far past what is useful. */
const maxMagnitudeBytes = 0xffff;
const bigintExpected = `a bigint of at most ${maxMagnitudeBytes} bytes`;

function isInt64(value: unknown): value is bigint {
  return typeof value === "bigint" && value >= smallest && value <= largest;
}

const bigint64Serializer: ValueAndKey<bigint> = {
  isCompiled: true,
  fixedSizeBytes: 8,
  write(value, out) {
    if (!isInt64(value)) refuseValue(value, bigint64Expected, "use bigint() for larger ones and int64() for numbers");
    out.i64(value);
  },
  read: (input) => input.i64(),
  snapshot: () => ({ type: "bigint64" }),
  writeKey(key, out) {
    if (!isInt64(key)) refuseKey(key, bigint64Expected, "use bigint() for larger ones and int64() for numbers");
    out.ensure(8);
    out.view.setBigUint64(out.length, BigInt.asUintN(64, key - smallest), false);
    out.length += 8;
  },
  readKey(input) {
    input.need(8);
    const key = input.view.getBigUint64(input.position, false) + smallest;
    input.position += 8;
    return key;
  },
  keySnapshot: () => ({ type: "bigint64" }),
  fixedKeyBytes: 8,
};

const bigintSerializer: ValueAndKey<bigint> = {
  isCompiled: true,
  write(value, out) {
    if (typeof value !== "bigint" || !writeOrderedBigint(value, out)) refuseValue(value, bigintExpected);
  },
  read: readOrderedBigint,
  snapshot: () => ({ type: "bigint" }),
  writeKey(key, out) {
    if (typeof key !== "bigint" || !writeOrderedBigint(key, out)) refuseKey(key, bigintExpected);
  },
  readKey: readOrderedBigint,
  keySnapshot: () => ({ type: "bigint" }),
};

/**
 * A bigint of any size such that the order of the bytes is the order of the numbers: sign (0 negative, 1 otherwise),
 * length of the magnitude, magnitude, highest byte first; the latter two with every bit flipped for negative numbers.
 * Returns false, with nothing written, for one of more than 65,535 bytes.
 */
export function writeOrderedBigint(value: bigint, out: ByteWriter): boolean {
  const isNegative = value < 0n;
  const magnitude = isNegative ? -value : value;
  const digits = magnitude === 0n ? "" : magnitude.toString(16);
  const sizeBytes = (digits.length + 1) >> 1;
  if (sizeBytes > maxMagnitudeBytes) return false;
  const flip = isNegative ? 0xff : 0;
  out.ensure(3 + sizeBytes);
  out.u8(isNegative ? 0 : 1);
  out.u16be(isNegative ? 0xffff - sizeBytes : sizeBytes);
  const padded = digits.length % 2 === 0 ? digits : `0${digits}`;
  for (let i = 0; i < padded.length; i += 2) out.u8(Number.parseInt(padded.slice(i, i + 2), 16) ^ flip);
  return true;
}

export function readOrderedBigint(input: ByteReader): bigint {
  const sign = input.u8();
  if (sign > 1) corrupt("a bigint with an unknown sign", input.position);
  const isNegative = sign === 0;
  const storedSize = input.u16be();
  const sizeBytes = isNegative ? 0xffff - storedSize : storedSize;
  const flip = isNegative ? 0xff : 0;
  const stored = input.subarray(sizeBytes);
  if (sizeBytes === 0) return isNegative ? corrupt("a negative zero bigint", input.position) : 0n;
  if (((stored[0] as number) ^ flip) === 0) corrupt("a bigint with a leading zero", input.position);
  let digits = "0x";
  for (const byte of stored) digits += (byte ^ flip).toString(16).padStart(2, "0");
  const magnitude = BigInt(digits);
  return isNegative ? -magnitude : magnitude;
}

/** Bigints of the int64 range in 8 bytes (two's complement, little-endian). Stored int64() state reads as this. */
export function bigint64(): ValueAndKey<bigint> {
  return bigint64Serializer;
}

/** Bigints of up to 65,535 bytes, in 3 bytes more than their magnitude. */
export function bigint(): ValueAndKey<bigint> {
  return bigintSerializer;
}

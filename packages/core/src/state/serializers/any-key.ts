import { readFlag } from "./boolean.js";
import { readOrderedBigint, writeOrderedBigint } from "./bigints.js";
import type { ByteReader } from "./bytes.js";
import { dateOfTime, timeOfDate } from "./date.js";
import { readFloat64Key, readSafeIntegerKey, writeFloat64Key, writeSafeIntegerKey } from "./numbers.js";
import { readOrderedBytes, readOrderedText, writeOrderedBytes, writeOrderedText } from "./ordered-bytes.js";
import { corrupt, refuseKey } from "./refusal.js";
import type { KeySerializer } from "./serializer.js";

/** What a key may be when its type is not declared. */
export type AnyKey = boolean | number | bigint | Date | string | Uint8Array;

// The first byte of a key; keys of different types sort by it. Stored: never renumber.
const tag = { boolean: 1, number: 2, bigint: 3, date: 4, string: 5, bytes: 6 } as const;

const expected = "a string, number (not NaN), bigint, boolean, valid Date or Uint8Array";
const advice = "for several values together use tuple() or struct() as the key serializer";

const anyKeySerializer: KeySerializer<AnyKey> = {
  writeKey(key, out) {
    switch (typeof key) {
      case "string":
        out.u8(tag.string);
        return writeOrderedText(key, out);
      case "number":
        if (key !== key) refuseKey(key, expected);
        out.u8(tag.number);
        return writeFloat64Key(key, out);
      case "bigint":
        out.u8(tag.bigint);
        if (!writeOrderedBigint(key, out)) refuseKey(key, "a bigint of at most 65,535 bytes");
        return;
      case "boolean":
        out.u8(tag.boolean);
        return out.u8(key ? 1 : 0);
      default:
        if (key instanceof Uint8Array) {
          out.u8(tag.bytes);
          return writeOrderedBytes(key, out);
        }
        out.u8(tag.date);
        writeSafeIntegerKey(timeOfDate(key) ?? refuseKey(key, expected, advice), out);
    }
  },
  readKey(input: ByteReader) {
    switch (input.u8()) {
      case tag.string:
        return readOrderedText(input);
      case tag.number:
        return readFloat64Key(input);
      case tag.bigint:
        return readOrderedBigint(input);
      case tag.boolean:
        return readFlag(input);
      case tag.date:
        return dateOfTime(readSafeIntegerKey(input), input.position);
      case tag.bytes:
        return readOrderedBytes(input);
      default:
        return corrupt("a key of an unknown type", input.position);
    }
  },
  keySnapshot: () => ({ type: "anyKey" }),
};

/**
 * The default for keys: strings, numbers, bigints, booleans, Dates and bytes side by side. The type is part of the
 * key, so 1, 1n and "1" are three keys. Sorted by type (booleans, numbers, bigints, Dates, strings, bytes), then by
 * value. A declared type takes one byte less: `string()`, `int64()`.
 */
export function anyKey(): KeySerializer<AnyKey> {
  return anyKeySerializer;
}

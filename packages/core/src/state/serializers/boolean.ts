import type { ByteReader } from "./bytes.js";
import type { ValueAndKey } from "./numbers.js";
import { corrupt, refuseKey, refuseValue } from "./refusal.js";

/** A byte that can only be 0 or 1. Throws STATE_CORRUPT for any other. */
export function readFlag(input: ByteReader): boolean {
  const byte = input.u8();
  if (byte > 1) corrupt("a flag byte that is neither 0 nor 1", input.position);
  return byte === 1;
}

const booleanSerializer: ValueAndKey<boolean> = {
  isCompiled: true,
  fixedSizeBytes: 1,
  write(value, out) {
    if (typeof value !== "boolean") refuseValue(value, "a boolean");
    out.u8(value ? 1 : 0);
  },
  read: readFlag,
  snapshot: () => ({ type: "boolean" }),
  writeKey(key, out) {
    if (typeof key !== "boolean") refuseKey(key, "a boolean");
    out.u8(key ? 1 : 0);
  },
  readKey: readFlag,
  keySnapshot: () => ({ type: "boolean" }),
  fixedKeyBytes: 1,
};

/** true or false in one byte; as keys false comes first. */
export function boolean(): ValueAndKey<boolean> {
  return booleanSerializer;
}

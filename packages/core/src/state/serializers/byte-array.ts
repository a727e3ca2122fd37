import type { ValueAndKey } from "./numbers.js";
import { readOrderedBytes, writeOrderedBytes } from "./ordered-bytes.js";
import { refuseKey, refuseValue } from "./refusal.js";

const bytesSerializer: ValueAndKey<Uint8Array> = {
  isCompiled: true,
  write(value, out) {
    if (!(value instanceof Uint8Array)) refuseValue(value, "a Uint8Array");
    out.ensure(value.length + 1);
    out.varint(value.length);
    out.raw(value);
  },
  read: (input) => input.copy(input.count(1)),
  snapshot: () => ({ type: "bytes" }),
  writeKey(key, out) {
    if (!(key instanceof Uint8Array)) refuseKey(key, "a Uint8Array");
    writeOrderedBytes(key, out);
  },
  readKey: readOrderedBytes,
  keySnapshot: () => ({ type: "bytes" }),
};

/** The bytes of a Uint8Array. A Buffer is one and comes back as a plain Uint8Array with memory of its own. */
export function bytes(): ValueAndKey<Uint8Array> {
  return bytesSerializer;
}

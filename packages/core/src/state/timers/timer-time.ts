import { StateError } from "../../errors/index.js";
import type { ByteReader, ByteWriter } from "../serializers/index.js";

/** Throws INVALID_ARGUMENT unless `timeMs` can be a timer's time: an integer that a number holds exactly. */
export function checkTimerTime(timeMs: number): void {
  if (!Number.isSafeInteger(timeMs))
    throw new StateError("INVALID_ARGUMENT", `a timer's time must be a whole number of milliseconds, not ${String(timeMs)}`);
}

/** Appends a time as 8 bytes in the order of times: two's complement, big endian, sign bit flipped. */
export function writeTimerTime(timeMs: number, out: ByteWriter): void {
  out.u32be((Math.floor(timeMs / 0x1_0000_0000) ^ 0x8000_0000) >>> 0);
  out.u32be(timeMs >>> 0);
}

export function readTimerTime(input: ByteReader): number {
  const high = (input.u32be() ^ 0x8000_0000) | 0;
  return high * 0x1_0000_0000 + input.u32be();
}

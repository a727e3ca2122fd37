import { fillRecordValue } from "../checkpointed-job/record-value.js";

/** Bytes of an entry's value: a counter of four bytes (little-endian), and bytes that do not compress and depend on its place. */
export const entryValueBytes = 100;

const counterBytes = 4;
/** A power of two, so that a place is found with a mask. */
const fillBytes = 65_536;
const fill = fillRecordValue(new Uint8Array(fillBytes + entryValueBytes), 0, 0);

/** What an entry holds; `place` tells entries apart. Flink's side makes the same ones. */
export function entryValue(place: number, counter: number): Uint8Array {
  const from = fillStart(place);
  return withCounter(fill.slice(from, from + entryValueBytes), counter);
}

/** What a place holds before the first operation. */
export function setUpCounter(place: number): number {
  return (place % 1_000) + 1;
}

/** Not a number when there is no value. */
export function counterOf(value: Uint8Array | null | undefined): number {
  if (value === null || value === undefined || value.length !== entryValueBytes) return Number.NaN;
  return ((value[0] as number) | ((value[1] as number) << 8) | ((value[2] as number) << 16) | ((value[3] as number) << 24)) >>> 0;
}

/** Sets the counter in place. */
export function withCounter(value: Uint8Array, counter: number): Uint8Array {
  value[0] = counter;
  value[1] = counter >>> 8;
  value[2] = counter >>> 16;
  value[3] = counter >>> 24;
  return value;
}

/** Compares all bytes. */
export function isEntryValue(found: Uint8Array | null | undefined, place: number, counter: number): boolean {
  if (counterOf(found) !== counter) return false;
  const from = fillStart(place);
  return Buffer.compare((found as Uint8Array).subarray(counterBytes), fill.subarray(from + counterBytes, from + entryValueBytes)) === 0;
}

function fillStart(place: number): number {
  return (place * 97) & (fillBytes - 1);
}

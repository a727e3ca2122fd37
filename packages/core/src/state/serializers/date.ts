import type { ValueAndKey } from "./numbers.js";
import { readSafeIntegerKey, writeSafeIntegerKey } from "./numbers.js";
import { corrupt, refuseKey, refuseValue } from "./refusal.js";

const expected = "a valid Date";

/** Milliseconds since 1970 of a plain, valid Date; undefined for everything else, subclasses too. */
export function timeOfDate(value: unknown): number | undefined {
  if (!(value instanceof Date) || Object.getPrototypeOf(value) !== Date.prototype) return undefined;
  const timeMs = value.getTime();
  return timeMs === timeMs ? timeMs : undefined;
}

/** The Date of a stored time. Throws STATE_CORRUPT past the 8.64e15 ms that a Date can hold. */
export function dateOfTime(timeMs: number, position: number): Date {
  const date = new Date(timeMs);
  if (Number.isNaN(date.getTime())) corrupt("a time that no Date can hold", position);
  return date;
}

const dateSerializer: ValueAndKey<Date> = {
  isCompiled: true,
  fixedSizeBytes: 8,
  write(value, out) {
    out.safeInteger(timeOfDate(value) ?? refuseValue(value, expected));
  },
  read: (input) => dateOfTime(input.safeInteger(), input.position),
  snapshot: () => ({ type: "date" }),
  writeKey(key, out) {
    writeSafeIntegerKey(timeOfDate(key) ?? refuseKey(key, expected), out);
  },
  readKey: (input) => dateOfTime(readSafeIntegerKey(input), input.position),
  keySnapshot: () => ({ type: "date" }),
  fixedKeyBytes: 8,
};

/** A Date, as milliseconds since 1970 in 8 bytes. Invalid Dates are refused. */
export function date(): ValueAndKey<Date> {
  return dateSerializer;
}

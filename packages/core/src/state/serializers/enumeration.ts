import { StateError } from "../../errors/index.js";
import { maxEnumerationValues } from "./declaration.js";
import { corrupt, describeValue, refuseValue } from "./refusal.js";
import type { EnumerationValue, TypeSerializer } from "./serializer.js";

/**
 * One of a few fixed values, stored as its index in one or two bytes: `enumeration("open", "closed")`. Add new ones at
 * the end and stored state stays readable as it is. Throws INVALID_ARGUMENT for no values, doubles, NaN and -0.
 */
export function enumeration<const V extends readonly EnumerationValue[]>(...values: V): TypeSerializer<V[number]> {
  if (values.length === 0 || values.length > maxEnumerationValues) {
    throw new StateError("INVALID_ARGUMENT", `enumeration() takes 1 to ${maxEnumerationValues} values, got ${values.length}`);
  }
  const indexes = new Map<unknown, number>(values.map((value, index) => [value, index]));
  const isGood = (value: unknown): boolean =>
    value === null || typeof value === "string" || typeof value === "boolean" || (Number.isFinite(value) && !Object.is(value, -0));
  if (indexes.size !== values.length || !values.every(isGood)) {
    throw new StateError("INVALID_ARGUMENT", "enumeration() takes different strings, finite numbers (not -0), booleans and null");
  }
  const expected = values.length <= 8 ? `one of ${values.map(describeValue).join(", ")}` : `one of ${values.length} declared values`;
  return {
    write(value, out) {
      out.varint(indexes.get(value) ?? refuseValue(value, expected));
    },
    read(input) {
      const index = input.varint();
      if (index >= values.length) corrupt("an enumeration value that is not declared", input.position);
      return values[index] as V[number];
    },
    snapshot: () => ({ type: "enumeration", values: [...values] }),
    isCompiled: true,
    ...(values.length <= 0x80 ? { fixedSizeBytes: 1 } : {}),
    structure: { kind: "enumeration", values },
  };
}

/** Always the same value: the enumeration of one. */
export function literal<const V extends EnumerationValue>(value: V): TypeSerializer<V> {
  return enumeration(value);
}

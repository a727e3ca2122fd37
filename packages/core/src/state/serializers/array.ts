import { checkPart } from "./declaration.js";
import { locateRefusal, refuseValue } from "./refusal.js";
import type { TypeSerializer } from "./serializer.js";

/**
 * Arrays of any length. Holes and arrays of a subclass are refused; properties beside the elements are not part of
 * the value. Reading costs time for each element, so for a list that only grows prefer a list state.
 */
export function array<T>(of: TypeSerializer<T>): TypeSerializer<T[]> {
  checkPart("array()", of);
  const smallestBytes = of.fixedSizeBytes ?? 1;
  return {
    write(value, out) {
      if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) refuseValue(value, "an array");
      const count = value.length;
      out.varint(count);
      const start = out.length;
      for (let i = 0; i < count; i++) {
        const element = value[i] as T;
        try {
          if (element === undefined && !(i in value)) refuseValue(element, "an array without holes");
          of.write(element, out);
        } catch (error) {
          throw locateRefusal(error, i);
        }
      }
      // Readers trust a count only as far as the bytes behind it go.
      if (out.length - start < count) refuseValue(value, "elements whose serializer writes at least one byte each");
    },
    read(input) {
      const count = input.count(smallestBytes);
      const value: T[] = [];
      for (let i = 0; i < count; i++) value.push(of.read(input));
      return value;
    },
    snapshot: () => ({ type: "array", of: of.snapshot() }),
    isCompiled: false,
    structure: { kind: "array", of },
  };
}

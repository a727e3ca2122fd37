import { StateError } from "../../errors/index.js";
import { checkPart, fixedKeySize, fixedSize, isKeySerializer, maxFields, sumOfFixedSizes } from "./declaration.js";
import { locateRefusal, refuseKey, refuseValue } from "./refusal.js";
import type { InferType, KeySerializer, TypeSerializer } from "./serializer.js";

/** The arrays of a tuple. */
export type TupleValue<E extends readonly TypeSerializer<unknown>[]> = { -readonly [I in keyof E]: InferType<E[I]> };

/** A serializer of tuples, which is one of keys too where all its elements are. */
export type TupleSerializer<E extends readonly TypeSerializer<unknown>[]> = TypeSerializer<TupleValue<E>> &
  (E[number] extends KeySerializer<unknown> ? KeySerializer<TupleValue<E>> : unknown);

/**
 * Arrays of fixed length with a type for each place, stored one after the other. As a key it sorts by the first
 * element, then the second, and so on: `tuple(string(), int64())`. Throws INVALID_ARGUMENT without elements.
 */
export function tuple<const E extends readonly TypeSerializer<unknown>[]>(...elements: E): TupleSerializer<E> {
  if (elements.length === 0 || elements.length > maxFields) {
    throw new StateError("INVALID_ARGUMENT", `tuple() takes 1 to ${maxFields} serializers, got ${elements.length}`);
  }
  const parts = elements as unknown as readonly TypeSerializer<unknown>[];
  for (const part of parts) checkPart("tuple()", part);
  const count = parts.length;
  const expected = `an array of ${count} elements`;
  const isTuple = (value: unknown): value is readonly unknown[] =>
    Array.isArray(value) && value.length === count && Object.getPrototypeOf(value) === Array.prototype;

  const values: TypeSerializer<readonly unknown[]> = {
    write(value, out) {
      if (!isTuple(value)) refuseValue(value, expected);
      for (let i = 0; i < count; i++) {
        try {
          (parts[i] as TypeSerializer<unknown>).write(value[i], out);
        } catch (error) {
          throw locateRefusal(error, i);
        }
      }
    },
    read: (input) => parts.map((part) => part.read(input)),
    snapshot: () => ({ type: "tuple", elements: parts.map((part) => part.snapshot()) }),
    isCompiled: parts.every((part) => part.isCompiled),
    ...fixedSize(sumOfFixedSizes(parts)),
    structure: { kind: "tuple", elements: parts },
  };
  const keyParts = parts.filter((part): part is TypeSerializer<unknown> & KeySerializer<unknown> => isKeySerializer(part));
  if (keyParts.length !== count) return values as unknown as TupleSerializer<E>;
  const keys: KeySerializer<readonly unknown[]> = {
    writeKey(key, out) {
      if (!isTuple(key)) refuseKey(key, expected);
      for (let i = 0; i < count; i++) {
        try {
          (keyParts[i] as KeySerializer<unknown>).writeKey(key[i], out);
        } catch (error) {
          throw locateRefusal(error, i);
        }
      }
    },
    readKey: (input) => keyParts.map((part) => part.readKey(input)),
    keySnapshot: () => ({ type: "tuple", elements: keyParts.map((part) => part.keySnapshot()) }),
    ...fixedKeySize(keyParts),
  };
  return { ...values, ...keys } as unknown as TupleSerializer<E>;
}

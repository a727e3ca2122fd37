import { readFlag } from "./boolean.js";
import { checkPart } from "./declaration.js";
import type { SerializerStructure, TypeSerializer } from "./serializer.js";

/** A value or `empty`: one byte more, and for `empty` nothing else. */
function withEmpty<T, E extends undefined | null>(of: TypeSerializer<T>, empty: E, kind: "optional" | "nullable"): TypeSerializer<T | E> {
  checkPart(`${kind}()`, of);
  const structure: SerializerStructure = { kind, of };
  return {
    write(value, out) {
      if (value === empty) {
        out.u8(0);
      } else {
        out.u8(1);
        of.write(value as T, out);
      }
    },
    read: (input) => (readFlag(input) ? of.read(input) : empty),
    snapshot: () => ({ type: kind, of: of.snapshot() }),
    isCompiled: of.isCompiled,
    structure,
  };
}

/** A value or undefined. As a field of a struct it may be absent, which comes back as undefined. */
export function optional<T>(of: TypeSerializer<T>): TypeSerializer<T | undefined> {
  return withEmpty(of, undefined, "optional");
}

/** A value or null. */
export function nullable<T>(of: TypeSerializer<T>): TypeSerializer<T | null> {
  return withEmpty(of, null, "nullable");
}

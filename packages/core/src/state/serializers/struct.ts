import { acceptsUndefined, checkNames, checkPart, fixedKeySize, fixedSize, isKeySerializer, sumOfFixedSizes } from "./declaration.js";
import { compiledCodec, loopCodec, type CodecPurpose, type ObjectCodec, type ObjectField } from "./object-codec.js";
import { refuseKey, refuseValue } from "./refusal.js";
import type { InferType, KeySerializer, TypeSerializer } from "./serializer.js";

/** The fields of a struct: name -> serializer, in the order in which they are stored. */
export type StructFields = Readonly<Record<string, TypeSerializer<unknown>>>;

type AbsentNames<F> = { [N in keyof F]: undefined extends InferType<F[N]> ? N : never }[keyof F];
type Flat<T> = { [N in keyof T]: T[N] };

/** The plain objects of a struct: fields that may be undefined may be absent. */
export type StructValue<F extends StructFields> = Flat<
  { -readonly [N in Exclude<keyof F, AbsentNames<F>>]: InferType<F[N]> } & { -readonly [N in AbsentNames<F>]?: InferType<F[N]> }
>;

/** A serializer of structs, which is one of keys too where all its fields are. */
export type StructSerializer<F extends StructFields> = TypeSerializer<StructValue<F>> &
  (F[keyof F] extends KeySerializer<unknown> ? KeySerializer<StructValue<F>> : unknown);

const values: CodecPurpose = { write: "write", read: "read", refuse: refuseValue };
const keys: CodecPurpose = { write: "writeKey", read: "readKey", refuse: refuseKey };

/**
 * Plain objects with exactly these fields, one after the other without names: the compact form for state. Objects
 * of a class and undeclared fields are refused. An absent `optional()` field comes back as undefined. As a key it
 * sorts by its first field, then the second, and so on. Throws INVALID_ARGUMENT for a declaration that cannot be.
 *
 * @example
 * const visits = struct({ count: int64(), mean: float64() });
 * type Visits = InferType<typeof visits>; // { count: number; mean: number }
 */
export function struct<const F extends StructFields>(fields: F): StructSerializer<F> {
  return makeStruct(fields, compiledCodec) as StructSerializer<F>;
}

/** The struct of fields read from a checkpoint: the same bytes, but nothing of it is made into code. */
export function structFromSnapshot(fields: Readonly<Record<string, TypeSerializer<unknown>>>): TypeSerializer<unknown> {
  return makeStruct(fields, loopCodec);
}

function makeStruct(
  declared: Readonly<Record<string, TypeSerializer<unknown>>>,
  makeCodec: (fields: readonly ObjectField[], purpose: CodecPurpose) => ObjectCodec,
): TypeSerializer<unknown> {
  const names = typeof declared === "object" && declared !== null ? Object.keys(declared) : [];
  checkNames("struct()", names);
  const fields = names.map((name): ObjectField => {
    const serializer = declared[name] as unknown as TypeSerializer<unknown>;
    checkPart(`struct() field ${JSON.stringify(name)}`, serializer);
    return { name, serializer, mayBeAbsent: acceptsUndefined(serializer) };
  });
  const parts = fields.map((field) => field.serializer);
  const codec = makeCodec(fields, values);
  const struct: TypeSerializer<unknown> = {
    write: codec.write,
    read: codec.read,
    snapshot: () => ({ type: "struct", fields: parts.map((part, i) => ({ name: names[i], type: part.snapshot() })) }),
    isCompiled: parts.every((part) => part.isCompiled),
    ...fixedSize(sumOfFixedSizes(parts)),
    structure: { kind: "struct", fields },
  };
  const keyParts = parts.filter((part): part is TypeSerializer<unknown> & KeySerializer<unknown> => isKeySerializer(part));
  if (keyParts.length !== parts.length) return struct;
  const keyCodec = makeCodec(fields, keys);
  const key: KeySerializer<unknown> = {
    writeKey: keyCodec.write,
    readKey: keyCodec.read,
    keySnapshot: () => ({ type: "struct", fields: keyParts.map((part, i) => ({ name: names[i], type: part.keySnapshot() })) }),
    ...fixedKeySize(keyParts),
  };
  return { ...struct, ...key } as TypeSerializer<unknown>;
}

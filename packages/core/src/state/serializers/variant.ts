import { StateError } from "../../errors/index.js";
import { checkNames, checkPart, nameFault } from "./declaration.js";
import { corrupt, refuseValue } from "./refusal.js";
import type { StructField, TypeSerializer } from "./serializer.js";
import { struct, structFromSnapshot, type StructFields, type StructValue } from "./struct.js";

/** The cases of a variant: name -> fields beside the tag. */
export type VariantCases = Readonly<Record<string, StructFields>>;

/** The objects of a variant, a discriminated union. */
export type VariantValue<T extends string, C extends VariantCases> = {
  [N in keyof C & string]: { [K in keyof ({ [L in T]: N } & StructValue<C[N]>)]: ({ [L in T]: N } & StructValue<C[N]>)[K] };
}[keyof C & string];

/**
 * Objects of one of several shapes, told apart by the string in their field `tag`:
 *
 * @example
 * const event = variant("kind", { click: { x: int32(), y: int32() }, page: { url: string() }, end: {} });
 * // { kind: "click"; x: number; y: number } | { kind: "page"; url: string } | { kind: "end" }
 *
 * Stored as the index of the case and its fields; new cases may be added. Throws INVALID_ARGUMENT for a
 * declaration that cannot be.
 */
export function variant<const T extends string, const C extends VariantCases>(tag: T, cases: C): TypeSerializer<VariantValue<T, C>> {
  return makeVariant(tag, cases, struct as MakeCase) as TypeSerializer<VariantValue<T, C>>;
}

/** The variant of cases read from a checkpoint: the same bytes, but nothing of it is made into code. */
export function variantFromSnapshot(tag: string, cases: VariantCases): TypeSerializer<unknown> {
  return makeVariant(tag, cases, structFromSnapshot);
}

function fieldsBesideTag(serializer: TypeSerializer<unknown>, tag: string): unknown[] {
  return (serializer.snapshot()["fields"] as { readonly name: string }[]).filter((field) => field.name !== tag);
}

/** The tag inside a case: takes no bytes, because the index of the case says it. */
function tagSerializer(name: string): TypeSerializer<string> {
  return {
    write: (value) => (value === name ? undefined : refuseValue(value, JSON.stringify(name))),
    read: () => name,
    snapshot: () => ({ type: "tag" }),
    isCompiled: true,
    fixedSizeBytes: 0,
  };
}

type MakeCase = (fields: StructFields) => TypeSerializer<unknown>;

function makeVariant(tag: string, cases: VariantCases, makeCase: MakeCase): TypeSerializer<unknown> {
  const fault = nameFault(tag);
  if (fault !== undefined) throw new StateError("INVALID_ARGUMENT", `variant() tag: ${fault}`);
  const names = typeof cases === "object" && cases !== null ? Object.keys(cases) : [];
  checkNames("variant()", names);
  const all = names.map((name): StructField => {
    const fields = cases[name] as StructFields;
    if (typeof fields !== "object" || fields === null || tag in fields) {
      const where = `variant() case ${JSON.stringify(name)}`;
      throw new StateError("INVALID_ARGUMENT", `${where} must be an object of fields without the tag ${JSON.stringify(tag)}`);
    }
    const serializer = makeCase({ [tag]: tagSerializer(name), ...fields });
    checkPart("variant()", serializer);
    return { name, serializer };
  });
  const indexes = new Map(names.map((name, index) => [name, index]));
  const expected = `an object with ${JSON.stringify(tag)} being one of ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  return {
    write(value, out) {
      if (typeof value !== "object" || value === null) refuseValue(value, expected);
      const index = indexes.get((value as Record<string, string>)[tag] as string) ?? refuseValue(value, expected);
      out.varint(index);
      (all[index] as StructField).serializer.write(value, out);
    },
    read(input) {
      const index = input.varint();
      if (index >= all.length) corrupt("a case of a variant that is not declared", input.position);
      return (all[index] as StructField).serializer.read(input);
    },
    snapshot: () => ({
      type: "variant",
      tag,
      cases: all.map(({ name, serializer }) => ({ name, fields: fieldsBesideTag(serializer, tag) })),
    }),
    isCompiled: all.every(({ serializer }) => serializer.isCompiled),
    structure: { kind: "variant", tag, cases: all },
  };
}

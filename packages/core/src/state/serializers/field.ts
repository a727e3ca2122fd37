import { StateError } from "../../errors/index.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { checkPart, nameFault } from "./declaration.js";
import type { FieldDeclaration, TypeSerializer } from "./serializer.js";

/** The serializer with something said about it; one of a class keeps its methods through its prototype. */
function withField(serializer: TypeSerializer<unknown>, field: FieldDeclaration<unknown>): TypeSerializer<unknown> {
  if (Object.getPrototypeOf(serializer) === Object.prototype) return { ...serializer, field };
  return Object.create(serializer, { field: { value: field, enumerable: true } }) as TypeSerializer<unknown>;
}

/**
 * A field of a struct that earlier versions of the job did not have: state stored without it gets `value`. Changes
 * nothing about the bytes. The default is stored and read once for each use, so changing one result does not change
 * the next. Throws VALUE_NOT_SERIALIZABLE where `value` is not of the type.
 */
export function withDefault<S extends TypeSerializer<unknown>>(of: S, value: S extends TypeSerializer<infer T> ? T : never): S {
  checkPart("withDefault()", of);
  const serializer = of as unknown as TypeSerializer<unknown>;
  const out = new ByteWriter();
  serializer.write(value, out);
  const encoded = out.copy();
  const makeDefault = (): unknown => serializer.read(new ByteReader(encoded));
  return withField(serializer, { aliases: serializer.field?.aliases ?? [], makeDefault }) as unknown as S;
}

/** A field of a struct that was called something else in earlier versions of the job. Changes nothing about the bytes. */
export function aliased<S extends TypeSerializer<unknown>>(of: S, ...oldNames: readonly string[]): S {
  checkPart("aliased()", of);
  for (const name of oldNames) {
    const fault = nameFault(name);
    if (fault !== undefined) throw new StateError("INVALID_ARGUMENT", `aliased(): ${fault}`);
  }
  const serializer = of as unknown as TypeSerializer<unknown>;
  return withField(serializer, { ...serializer.field, aliases: [...(serializer.field?.aliases ?? []), ...oldNames] }) as unknown as S;
}

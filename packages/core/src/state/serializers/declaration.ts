import { StateError } from "../../errors/index.js";
import type { KeySerializer, TypeSerializer } from "./serializer.js";

/** Bounds of a type, the same for those a job declares and those read back from a checkpoint. */
export const maxTypeDepth = 32;
export const maxFields = 1_000;
export const maxNameChars = 256;
export const maxEnumerationValues = 10_000;

function invalid(message: string): never {
  throw new StateError("INVALID_ARGUMENT", message);
}

/** Says what is wrong with a name of a field or case, or nothing. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== "string" || name === "") return "a field name must be a string that is not empty";
  if (name.length > maxNameChars) return `a field name must have at most ${maxNameChars} characters`;
  // An absent field of such a name would read as the inherited function, and `__proto__` would set the prototype.
  if (name in Object.prototype) return `a field cannot be named ${JSON.stringify(name)}, which every object inherits`;
  return undefined;
}

/** Throws INVALID_ARGUMENT unless `names` can be the fields of a struct or the cases of a variant. */
export function checkNames(where: string, names: readonly string[]): void {
  if (names.length === 0) invalid(`${where} needs at least one name`);
  if (names.length > maxFields) invalid(`${where} takes at most ${maxFields} names, got ${names.length}`);
  for (const name of names) {
    const fault = nameFault(name);
    if (fault !== undefined) invalid(`${where}: ${fault}`);
  }
}

/** Throws INVALID_ARGUMENT unless `candidate` is a serializer and nests within the limit once wrapped. */
export function checkPart(where: string, candidate: unknown): void {
  const part = candidate as Partial<TypeSerializer<unknown>> | null | undefined;
  if (typeof part?.write !== "function" || typeof part.read !== "function" || typeof part.snapshot !== "function") {
    const advice = typeof candidate === "function" ? "; call the function that makes it" : "";
    invalid(`${where} needs a serializer, such as int64() or string()${advice}`);
  }
  if (depthOf(part as TypeSerializer<unknown>) >= maxTypeDepth) {
    invalid(`${where}: types nest at most ${maxTypeDepth} deep; use msgpack() inside`);
  }
}

/** Parts inside one another: 1 for a serializer without parts. */
export function depthOf(serializer: TypeSerializer<unknown>): number {
  return 1 + Math.max(0, ...partsOf(serializer).map(depthOf));
}

function partsOf(serializer: TypeSerializer<unknown>): readonly TypeSerializer<unknown>[] {
  const structure = serializer.structure;
  switch (structure?.kind) {
    case "array":
    case "optional":
    case "nullable":
      return [structure.of];
    case "map":
      return [structure.key, structure.value];
    case "tuple":
      return structure.elements;
    case "struct":
      return structure.fields.map((field) => field.serializer);
    case "variant":
      return structure.cases.map((one) => one.serializer);
    default:
      return [];
  }
}

/** True where undefined may be stored, so that a field of this type may be absent. */
export function acceptsUndefined(serializer: TypeSerializer<unknown>): boolean {
  const structure = serializer.structure;
  if (structure === undefined) return serializer.snapshot().type === "msgpack";
  return structure.kind === "optional" || structure.kind === "custom" || (structure.kind === "nullable" && acceptsUndefined(structure.of));
}

/** True for a serializer that also writes keys. */
export function isKeySerializer(candidate: unknown): candidate is KeySerializer<unknown> {
  const part = candidate as Partial<KeySerializer<unknown>> | null | undefined;
  return typeof part?.writeKey === "function" && typeof part.readKey === "function" && typeof part.keySnapshot === "function";
}

/** The sum of the parts' fixed sizes, or undefined where one of them varies. */
export function sumOfFixedSizes(parts: readonly TypeSerializer<unknown>[]): number | undefined {
  let sizeBytes = 0;
  for (const part of parts) {
    if (part.fixedSizeBytes === undefined) return undefined;
    sizeBytes += part.fixedSizeBytes;
  }
  return sizeBytes;
}

/** `{ fixedSizeBytes }` or nothing, to be spread into a serializer. */
export function fixedSize(sizeBytes: number | undefined): { readonly fixedSizeBytes?: number } {
  return sizeBytes === undefined ? {} : { fixedSizeBytes: sizeBytes };
}

/** `{ fixedKeyBytes }` of a key made of these parts, or nothing where one of them varies. */
export function fixedKeySize(parts: readonly KeySerializer<unknown>[]): { readonly fixedKeyBytes?: number } {
  let sizeBytes = 0;
  for (const part of parts) {
    if (part.fixedKeyBytes === undefined) return {};
    sizeBytes += part.fixedKeyBytes;
  }
  return { fixedKeyBytes: sizeBytes };
}

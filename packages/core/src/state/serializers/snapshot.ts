import { StateError } from "../../errors/index.js";
import { array } from "./array.js";
import { bigint, bigint64 } from "./bigints.js";
import { boolean } from "./boolean.js";
import { bytes } from "./byte-array.js";
import { customFault } from "./custom.js";
import { date } from "./date.js";
import { fixedSize, maxEnumerationValues, maxFields, maxTypeDepth, nameFault } from "./declaration.js";
import { enumeration } from "./enumeration.js";
import { json } from "./json.js";
import { map } from "./map.js";
import { msgpack } from "./msgpack.js";
import { float64, int32, int64 } from "./numbers.js";
import { nullable, optional } from "./optional.js";
import { refuseValue } from "./refusal.js";
import type { EnumerationValue, SerializerSnapshot, TypeSerializer } from "./serializer.js";
import { string } from "./string.js";
import { structFromSnapshot } from "./struct.js";
import { tuple } from "./tuple.js";
import { variantFromSnapshot } from "./variant.js";

/** More parts than any real type has; a snapshot is checked before anything is built from it. */
const maxParts = 10_000;

/** Finds the job's own serializer for a custom type of a checkpoint; undefined where it has none. */
export type FindCustom = (name: string, version: number, fixedSizeBytes: number | undefined) => TypeSerializer<unknown> | undefined;

type Properties = Readonly<Record<string, unknown>>;

const leaves: ReadonlyMap<string, () => TypeSerializer<unknown>> = new Map<string, () => TypeSerializer<unknown>>(
  Object.entries({ int32, int64, float64, bigint64, bigint, boolean, date, string, bytes, msgpack, json }),
);

/**
 * The serializer that reads what was stored under this snapshot. The snapshot is data from a disk: its depth, counts
 * and names are checked, and nothing of it is evaluated. Custom types are looked up with `findCustom`. Throws
 * STATE_CORRUPT for a malformed snapshot and STATE_INCOMPATIBLE for a type that this job or release does not know.
 */
export function serializerFromSnapshot(stored: unknown, findCustom: FindCustom = () => undefined): TypeSerializer<unknown> {
  return new SnapshotBuilder(findCustom).build(stored, "type", 1);
}

/**
 * A serializer that moves a reader past what was stored under this snapshot: custom values carry their size, so this
 * needs none of the job's serializers. Throws like serializerFromSnapshot.
 */
export function skipperFromSnapshot(stored: unknown): TypeSerializer<unknown> {
  return serializerFromSnapshot(stored, (name, version, fixedSizeBytes) => ({
    write: (value) => refuseValue(value, "nothing", "this serializer only skips"),
    read: (input) => input.skip(fixedSizeBytes ?? input.u32()),
    snapshot: () => ({ type: "custom", name, version, ...fixedSize(fixedSizeBytes) }),
    isCompiled: false,
    ...fixedSize(fixedSizeBytes),
  }));
}

/** `stored` as a snapshot of built-in or custom types. Throws like serializerFromSnapshot. */
export function checkedSnapshot(stored: unknown): SerializerSnapshot {
  skipperFromSnapshot(stored);
  return stored as SerializerSnapshot;
}

class SnapshotBuilder {
  private readonly findCustom: FindCustom;
  private partCount = 0;

  constructor(findCustom: FindCustom) {
    this.findCustom = findCustom;
  }

  build(stored: unknown, where: string, depth: number): TypeSerializer<unknown> {
    if (depth > maxTypeDepth) malformed(where, `types nest at most ${maxTypeDepth} deep`);
    if (++this.partCount > maxParts) malformed(where, `a type has at most ${maxParts} parts`);
    const { type, ...properties } = propertiesOf(stored, where);
    if (typeof type !== "string") malformed(where, "the type must be a name");
    const leaf = leaves.get(type);
    if (leaf !== undefined) {
      exactly(properties, [], where);
      return leaf();
    }
    switch (type) {
      case "array":
        return array(this.part(properties, "of", ["of"], where, depth));
      case "optional":
        return optional(this.part(properties, "of", ["of"], where, depth));
      case "nullable":
        return nullable(this.part(properties, "of", ["of"], where, depth));
      case "map":
        return this.buildMap(properties, where, depth);
      case "tuple":
        return this.buildTuple(properties, where, depth);
      case "enumeration":
        return buildEnumeration(properties, where);
      case "struct":
        exactly(properties, ["fields"], where);
        return structFromSnapshot(this.fields(properties["fields"], where, depth));
      case "variant":
        return this.buildVariant(properties, where, depth);
      case "custom":
        return this.buildCustom(properties, where);
      default:
        throw new StateError("STATE_INCOMPATIBLE", `stored ${where} is of the kind ${quote(type)}, which this release does not know; ` +
          "restore it with the release that wrote it, or a newer one");
    }
  }

  private part(properties: Properties, name: string, names: readonly string[], where: string, depth: number): TypeSerializer<unknown> {
    exactly(properties, names, where);
    return this.build(properties[name], `${where}.${name}`, depth + 1);
  }

  private buildMap(properties: Properties, where: string, depth: number): TypeSerializer<unknown> {
    const names = ["key", "value"];
    return map(this.part(properties, "key", names, where, depth), this.part(properties, "value", names, where, depth));
  }

  private buildTuple(properties: Properties, where: string, depth: number): TypeSerializer<unknown> {
    exactly(properties, ["elements"], where);
    const elements = listOf(properties["elements"], 1, maxFields, where);
    return tuple(...elements.map((element, i) => this.build(element, `${where}.elements[${i}]`, depth + 1)));
  }

  private fields(stored: unknown, where: string, depth: number, smallestCount = 1): Record<string, TypeSerializer<unknown>> {
    const fields: Record<string, TypeSerializer<unknown>> = {};
    for (const [i, one] of listOf(stored, smallestCount, maxFields, where).entries()) {
      const field = propertiesOf(one, `${where}.fields[${i}]`);
      exactly(field, ["name", "type"], `${where}.fields[${i}]`);
      const name = newName(field["name"], fields, where);
      fields[name] = this.build(field["type"], `${where}.${name}`, depth + 1);
    }
    // Digits as names would sort first in an object and so change the order of the stored fields.
    const inOrder = Object.keys(fields).every((name, i) => name === (stored as { name: string }[])[i]?.name);
    if (!inOrder) malformed(where, "fields named by numbers are out of order");
    return fields;
  }

  private buildVariant(properties: Properties, where: string, depth: number): TypeSerializer<unknown> {
    exactly(properties, ["tag", "cases"], where);
    const tag = properties["tag"];
    const fault = nameFault(tag);
    if (fault !== undefined) malformed(where, fault);
    const cases: Record<string, Record<string, TypeSerializer<unknown>>> = {};
    const stored = listOf(properties["cases"], 1, maxFields, where);
    for (const [i, one] of stored.entries()) {
      const inside = `${where}.cases[${i}]`;
      const properties = propertiesOf(one, inside);
      exactly(properties, ["name", "fields"], inside);
      const name = newName(properties["name"], cases, inside);
      const fields = this.fields(properties["fields"], inside, depth + 1, 0);
      if (Object.hasOwn(fields, tag as string)) malformed(inside, "a field has the name of the tag");
      cases[name] = fields;
    }
    const inOrder = Object.keys(cases).every((name, i) => name === (stored[i] as { name: string }).name);
    if (!inOrder) malformed(where, "cases named by numbers are out of order");
    return variantFromSnapshot(tag as string, cases);
  }

  private buildCustom(properties: Properties, where: string): TypeSerializer<unknown> {
    const { name, version, fixedSizeBytes } = properties;
    exactly(properties, fixedSizeBytes === undefined ? ["name", "version"] : ["name", "version", "fixedSizeBytes"], where);
    const fault = customFault(name, version, fixedSizeBytes);
    if (fault !== undefined) malformed(where, fault);
    const found = this.findCustom(name as string, version as number, fixedSizeBytes as number | undefined);
    if (found === undefined) {
      const what = `stored ${where} needs serializer() ${quote(name as string)}, which this job does not have`;
      throw new StateError("STATE_INCOMPATIBLE", `${what}; keep it in the job as long as state of that type exists`);
    }
    const structure = found.structure;
    if (structure?.kind !== "custom" || found.snapshot()["version"] === version) return found;
    if (found.fixedSizeBytes !== fixedSizeBytes || !structure.isCompatible(version as number)) {
      throw new StateError("STATE_INCOMPATIBLE", `stored ${where} was written by version ${String(version)} of serializer() ` +
        `${quote(name as string)}, which the job's own cannot read; let its isCompatible() accept that version`);
    }
    return { ...found, read: (input) => structure.readVersion(input, version as number) };
  }
}

function malformed(where: string, why: string): never {
  const what = `the stored description of a state's ${where.slice(0, 200)} is malformed: ${why}`;
  throw new StateError("STATE_CORRUPT", `${what}; restore from another checkpoint`);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function propertiesOf(stored: unknown, where: string): Properties {
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) malformed(where, "an object was expected");
  return stored as Properties;
}

function exactly(properties: Properties, names: readonly string[], where: string): void {
  for (const name of Object.keys(properties)) {
    if (!names.includes(name) && name !== "type") malformed(where, `unknown property ${quote(name)}`);
  }
  for (const name of names) if (!Object.hasOwn(properties, name)) malformed(where, `the property ${quote(name)} is missing`);
}

function listOf(stored: unknown, smallestCount: number, largestCount: number, where: string): readonly unknown[] {
  if (!Array.isArray(stored) || stored.length < smallestCount || stored.length > largestCount) {
    malformed(where, `a list of ${smallestCount} to ${largestCount} was expected`);
  }
  return stored;
}

function newName(name: unknown, taken: object, where: string): string {
  const fault = nameFault(name);
  if (fault !== undefined) malformed(where, fault);
  if (Object.hasOwn(taken, name as string)) malformed(where, `the name ${quote(name as string)} comes twice`);
  return name as string;
}

function buildEnumeration(properties: Properties, where: string): TypeSerializer<unknown> {
  exactly(properties, ["values"], where);
  const values = listOf(properties["values"], 1, maxEnumerationValues, where);
  try {
    return enumeration(...(values as readonly EnumerationValue[]));
  } catch {
    return malformed(where, "the values of an enumeration are not different strings, numbers, booleans or null");
  }
}

/** True where two snapshots say the same, whatever the order of their properties. */
export function sameSnapshot(one: unknown, other: unknown): boolean {
  return sameJson(one, other, 0);
}

function sameJson(one: unknown, other: unknown, depth: number): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  // Two levels of JSON a part, and some for the list of fields.
  if (depth > maxTypeDepth * 4) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && sameJson((one as Properties)[name], (other as Properties)[name], depth + 1))
  );
}

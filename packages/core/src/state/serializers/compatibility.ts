import { StateError } from "../../errors/index.js";
import { readFlag } from "./boolean.js";
import type { ByteReader } from "./bytes.js";
import { corrupt } from "./refusal.js";
import type { EnumerationValue, SerializerSnapshot, StructField, TypeSerializer } from "./serializer.js";
import { checkedSnapshot, sameSnapshot, skipperFromSnapshot } from "./snapshot.js";

/** What can be done about state that was stored under another type than the job's current one. */
export type Compatibility<T> =
  /** The current serializer reads the stored bytes. */
  | { readonly kind: "as-is" }
  /** `read` makes a value of the current type from stored bytes; write it back with the current serializer. */
  | { readonly kind: "migrate"; read(input: ByteReader): T }
  /** There is no way that loses nothing. `path` says where in the type, "" being its root. */
  | {
      readonly kind: "incompatible";
      readonly path: string;
      readonly stored: SerializerSnapshot;
      readonly current: SerializerSnapshot;
      readonly reason: string;
    };

type Read = (input: ByteReader) => unknown;
type Resolved = { readonly isSame: boolean; readonly read: Read };

/** Thrown inside this file only: where the two types part. */
class Mismatch extends Error {
  readonly path: string;
  readonly stored: SerializerSnapshot;
  readonly current: SerializerSnapshot;

  constructor(path: string, stored: SerializerSnapshot, current: SerializerSnapshot, reason: string) {
    super(reason);
    this.path = path;
    this.stored = stored;
    this.current = current;
  }
}

/**
 * Compares the type a state was stored under with the current one. Allowed are: fields that are new (with optional()
 * or withDefault()), gone, moved or renamed (with aliased()); new values of an enumeration and cases of a variant;
 * int32 -> int64, int32 -> float64, int32 or int64 -> bigint64; T -> optional(T) or nullable(T); older versions of
 * a custom serializer that says it reads them; and all of these inside arrays, maps and tuples. Throws STATE_CORRUPT
 * where `stored` is malformed.
 */
export function resolveCompatibility<T>(stored: unknown, current: TypeSerializer<T>): Compatibility<T> {
  try {
    const snapshot = checkedSnapshot(stored);
    const resolved = resolve(snapshot, current as TypeSerializer<unknown>, "");
    return resolved.isSame ? { kind: "as-is" } : { kind: "migrate", read: resolved.read as (input: ByteReader) => T };
  } catch (error) {
    if (error instanceof Mismatch) {
      return { kind: "incompatible", path: error.path, stored: error.stored, current: error.current, reason: error.message };
    }
    if (error instanceof StateError && error.code === "STATE_INCOMPATIBLE") {
      return { kind: "incompatible", path: "", stored: stored as SerializerSnapshot, current: current.snapshot(), reason: error.message };
    }
    throw error;
  }
}

/** Readers of the narrower number types as wider ones: the pairs that lose nothing. */
const widenings: ReadonlyMap<string, Read> = new Map<string, Read>([
  ["int32 int64", (input) => input.i32()],
  ["int32 float64", (input) => input.i32()],
  ["int32 bigint64", (input) => BigInt(input.i32())],
]);

interface StoredField {
  readonly name: string;
  readonly type: SerializerSnapshot;
}

interface StoredCase {
  readonly name: string;
  readonly fields: readonly StoredField[];
}

function same(current: TypeSerializer<unknown>): Resolved {
  return { isSame: true, read: (input) => current.read(input) };
}

function resolve(stored: SerializerSnapshot, current: TypeSerializer<unknown>, path: string): Resolved {
  const target = current.snapshot();
  const structure = current.structure;
  if (stored.type !== target.type) {
    const widening = widenings.get(`${stored.type} ${target.type}`);
    if (widening !== undefined) return { isSame: false, read: widening };
    // The same eight bytes.
    if (stored.type === "int64" && target.type === "bigint64") return same(current);
    if (structure?.kind === "optional" || structure?.kind === "nullable") {
      return { isSame: false, read: resolve(stored, structure.of, path).read };
    }
    throw new Mismatch(path, stored, target, `${stored.type} cannot become ${target.type} without loss`);
  }
  switch (structure?.kind) {
    case undefined:
      return same(current);
    case "optional":
      return resolveFlagged(stored, current, structure.of, undefined, path);
    case "nullable":
      return resolveFlagged(stored, current, structure.of, null, path);
    case "array":
      return resolveArray(stored, current, structure.of, path);
    case "map":
      return resolveMap(stored, current, structure, path);
    case "tuple":
      return resolveTuple(stored, current, structure.elements, path);
    case "enumeration":
      return resolveEnumeration(stored, current, structure.values, path);
    case "struct":
      return resolveStruct(stored["fields"] as StoredField[], stored, current, structure.fields, path);
    case "variant":
      return resolveVariant(stored, current, structure, path);
    case "custom":
      return resolveCustom(stored, current, structure, path);
  }
}

function resolveFlagged(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  of: TypeSerializer<unknown>,
  empty: undefined | null,
  path: string,
): Resolved {
  const inner = resolve(stored["of"] as SerializerSnapshot, of, path);
  if (inner.isSame) return same(current);
  return { isSame: false, read: (input) => (readFlag(input) ? inner.read(input) : empty) };
}

function resolveArray(stored: SerializerSnapshot, current: TypeSerializer<unknown>, of: TypeSerializer<unknown>, path: string): Resolved {
  const element = resolve(stored["of"] as SerializerSnapshot, of, `${path}[]`);
  if (element.isSame) return same(current);
  return { isSame: false, read: (input) => readTimes(input.count(1), () => element.read(input)) };
}

function resolveMap(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  parts: { readonly key: TypeSerializer<unknown>; readonly value: TypeSerializer<unknown> },
  path: string,
): Resolved {
  const key = resolve(stored["key"] as SerializerSnapshot, parts.key, `${path}{key}`);
  const value = resolve(stored["value"] as SerializerSnapshot, parts.value, `${path}{value}`);
  if (key.isSame && value.isSame) return same(current);
  const read: Read = (input) => {
    const count = input.count(2);
    const map = new Map(readTimes(count, () => [key.read(input), value.read(input)]));
    if (map.size !== count) corrupt("a map with a key twice", input.position);
    return map;
  };
  return { isSame: false, read };
}

function resolveTuple(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  elements: readonly TypeSerializer<unknown>[],
  path: string,
): Resolved {
  const old = stored["elements"] as readonly SerializerSnapshot[];
  if (old.length !== elements.length) {
    const reason = `a tuple of ${old.length} cannot become one of ${elements.length}; use struct(), whose fields may come and go`;
    throw new Mismatch(path, stored, current.snapshot(), reason);
  }
  const parts = elements.map((element, i) => resolve(old[i] as SerializerSnapshot, element, `${path}[${i}]`));
  if (parts.every((part) => part.isSame)) return same(current);
  return { isSame: false, read: (input) => parts.map((part) => part.read(input)) };
}

function resolveStruct(
  old: readonly StoredField[],
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  fields: readonly StructField[],
  path: string,
): Resolved {
  const sources = sourcesOf(fields, old);
  // What to do with each stored field, in their order: read it into a place, or read past it.
  const steps = old.map((storedField, i) => {
    const target = sources.indexOf(i);
    const field = fields[target];
    if (field === undefined) return { target: -1, isSame: false, read: skipperFromSnapshot(storedField.type).read };
    return { target, ...resolve(storedField.type, field.serializer, joined(path, field.name)) };
  });
  if (old.length === fields.length && steps.every((step, i) => step.isSame && step.target === i)) return same(current);
  const missing = fields.map((field, i) => (sources[i] === -1 ? defaultOf(field, stored, joined(path, field.name)) : undefined));
  const read: Read = (input) => {
    const values: unknown[] = missing.map((make) => make?.());
    for (const step of steps) {
      const value = step.read(input);
      if (step.target >= 0) values[step.target] = value;
    }
    return Object.fromEntries(fields.map((field, i) => [field.name, values[i]]));
  };
  return { isSame: false, read };
}

/**
 * Which stored field each current one continues, -1 for none: the one of its name, or else of an alias. A stored
 * field is continued once, by the field of its name before any that has it as an alias.
 */
function sourcesOf(fields: readonly StructField[], old: readonly StoredField[]): readonly number[] {
  const sources = fields.map((field) => old.findIndex((one) => one.name === field.name));
  for (const [i, field] of fields.entries()) {
    if (sources[i] !== -1) continue;
    const aliases = field.serializer.field?.aliases ?? [];
    sources[i] = old.findIndex((one, at) => aliases.includes(one.name) && !sources.includes(at));
  }
  return sources;
}

function defaultOf(field: StructField, stored: SerializerSnapshot, path: string): () => unknown {
  const makeDefault = field.serializer.field?.makeDefault;
  if (makeDefault !== undefined) return makeDefault;
  if (field.serializer.structure?.kind === "optional") return () => undefined;
  const reason = "the field is new; wrap it with withDefault() or optional(), or with aliased() if it was renamed";
  throw new Mismatch(path, stored, field.serializer.snapshot(), reason);
}

function resolveVariant(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  { tag, cases }: { readonly tag: string; readonly cases: readonly StructField[] },
  path: string,
): Resolved {
  if (stored["tag"] !== tag) {
    throw new Mismatch(path, stored, current.snapshot(), `the tag ${JSON.stringify(stored["tag"])} cannot become ${JSON.stringify(tag)}`);
  }
  const parts = (stored["cases"] as readonly StoredCase[]).map(({ name, fields }, i) => {
    const target = cases.findIndex((one) => one.name === name);
    const found = cases[target];
    const structure = found?.serializer.structure;
    if (found === undefined || structure?.kind !== "struct") {
      const reason = `the case ${JSON.stringify(name)} is gone; keep it as long as state of it may exist`;
      throw new Mismatch(joined(path, name), stored, current.snapshot(), reason);
    }
    const withoutTag = structure.fields.filter((field) => field.name !== tag);
    const inner = resolveStruct(fields, stored, found.serializer, withoutTag, joined(path, name));
    const read: Read = inner.isSame ? inner.read : (input) => ({ [tag]: name, ...(inner.read(input) as object) });
    return { isSame: inner.isSame && target === i, read };
  });
  if (parts.every((part) => part.isSame)) return same(current);
  const read: Read = (input) => {
    const part = parts[input.varint()];
    return part === undefined ? corrupt("a case of a variant that is not declared", input.position) : part.read(input);
  };
  return { isSame: false, read };
}

function resolveEnumeration(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  values: readonly EnumerationValue[],
  path: string,
): Resolved {
  const old = stored["values"] as readonly EnumerationValue[];
  for (const value of old) {
    if (!values.includes(value)) {
      const reason = `the value ${JSON.stringify(value)} is gone; keep it as long as state of it may exist`;
      throw new Mismatch(path, stored, current.snapshot(), reason);
    }
  }
  if (old.every((value, i) => values[i] === value)) return same(current);
  const read: Read = (input) => {
    const index = input.varint();
    return index < old.length ? old[index] : corrupt("an enumeration value that is not declared", input.position);
  };
  return { isSame: false, read };
}

function resolveCustom(
  stored: SerializerSnapshot,
  current: TypeSerializer<unknown>,
  structure: { isCompatible(version: number): boolean; readVersion(input: ByteReader, version: number): unknown },
  path: string,
): Resolved {
  const target = current.snapshot();
  if (sameSnapshot(stored, target)) return same(current);
  const version = stored["version"] as number;
  const own = `serializer() ${JSON.stringify(target["name"])}`;
  if (stored["name"] !== target["name"]) {
    throw new Mismatch(path, stored, target, `serializer() ${JSON.stringify(stored["name"])} cannot become ${own}`);
  }
  if (stored["fixedSizeBytes"] !== target["fixedSizeBytes"]) {
    throw new Mismatch(path, stored, target, `fixedSizeBytes of ${own} cannot change; give the new form another type`);
  }
  if (!structure.isCompatible(version)) {
    throw new Mismatch(path, stored, target, `version ${version} is not one that isCompatible() of ${own} accepts`);
  }
  return { isSame: false, read: (input) => structure.readVersion(input, version) };
}

function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function readTimes<T>(count: number, read: () => T): T[] {
  const values: T[] = [];
  for (let i = 0; i < count; i++) values.push(read());
  return values;
}

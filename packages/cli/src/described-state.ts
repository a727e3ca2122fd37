import type { Json, KeyedStateHandle } from "@tidemark/core/storage";
import { clipped } from "./printable.js";

/** A state as a backend's description in a manifest names it. Everything in it comes from a file and is shown, never trusted. */
export interface DescribedState {
  readonly id: number;
  readonly name: string;
  /** "value", "list", "map" ... */
  readonly kind: string;
  /** Of the values: the newest schema, "struct{count: int64}"; of a map with its keys. */
  readonly type: string;
  readonly hasTtl: boolean;
  /** How many schemas values were written with so far. */
  readonly schemaCount: number;
}

/** What a file is to its backend. */
export interface FilePart {
  /** "level 0", "base", "changes 5-9", "entries". */
  readonly part: string;
  /** RocksDB's level. */
  readonly level?: number;
  /** Smallest and largest stored key, hexadecimal. */
  readonly keys?: readonly [smallest: string, largest: string];
}

const statesMax = 65_535;
const typeCharactersMax = 200;
const nameCharactersMax = 200;

/** The states of a handle, by id. What is malformed is left out: a restore will refuse it, a look at it must not. */
export function statesOf(handle: KeyedStateHandle): DescribedState[] {
  const registry = member(handle.description, "states");
  const states = listOf(member(registry, "states")).slice(0, statesMax);
  return states.flatMap((state) => stateOf(state) ?? []).sort((a, b) => a.id - b.id);
}

function stateOf(value: Json): DescribedState | undefined {
  const [id, name, kind] = [member(value, "id"), member(value, "name"), member(value, "kind")];
  if (typeof id !== "number" || typeof name !== "string" || typeof kind !== "string") {
    return undefined;
  }
  const schemas = listOf(member(value, "schemas"));
  const values = typeText(schemas.at(-1), 0);
  const key = member(value, "key");
  const type = key === undefined ? values : `${typeText(key, 0)} -> ${values}`;
  return {
    id,
    name: clipped(name, nameCharactersMax),
    kind: clipped(kind, 40),
    type: clipped(type, typeCharactersMax),
    hasTtl: member(value, "hasTtl") === true,
    schemaCount: schemas.length,
  };
}

/** The parts that a handle's files have, by name. */
export function partsOf(handle: KeyedStateHandle): Map<string, FilePart> {
  const parts = new Map<string, FilePart>();
  const { description, files, chain } = handle;
  for (const table of [description, chain?.description].flatMap((each) => listOf(member(each, "tables")))) {
    const [name, level] = [member(table, "name"), member(table, "level")];
    if (typeof name === "string" && typeof level === "number" && Number.isSafeInteger(level)) {
      const [smallest, largest] = [member(table, "smallestKey"), member(table, "largestKey")];
      const keys = isHex(smallest) && isHex(largest) ? { keys: [smallest, largest] as const } : {};
      parts.set(name, { part: `level ${level}`, level, ...keys });
    }
  }
  for (const segment of listOf(member(description, "segments"))) {
    const [file, first, last] = [member(segment, "file"), member(segment, "firstSeq"), member(segment, "lastSeq")];
    if (typeof file === "string" && typeof first === "number" && typeof last === "number") {
      parts.set(file, { part: `changes ${first}-${last}` });
    }
  }
  const base = member(member(description, "base"), "file");
  if (typeof base === "string") {
    parts.set(base, { part: "base" });
  }
  for (const name of files) {
    if (!parts.has(name)) parts.set(name, { part: "entries" });
  }
  return parts;
}

/** A schema as people write it, three levels deep. */
function typeText(schema: Json | undefined, depth: number): string {
  const type = member(schema, "type");
  if (typeof type !== "string" || depth > 3) {
    return type === undefined ? "?" : "...";
  }
  const inner = (name: string): string => typeText(member(schema, name), depth + 1);
  const fields = (values: readonly Json[]): string =>
    values.slice(0, 20).map((field) => `${String(member(field, "name"))}: ${typeText(member(field, "type"), depth + 1)}`).join(", ");
  switch (type) {
    case "array":
    case "optional":
    case "nullable":
      return `${type}<${inner("of")}>`;
    case "map":
      return `map<${inner("key")}, ${inner("value")}>`;
    case "tuple":
      return `[${listOf(member(schema, "elements")).slice(0, 20).map((each) => typeText(each, depth + 1)).join(", ")}]`;
    case "struct":
      return `{${fields(listOf(member(schema, "fields")))}}`;
    case "variant":
      return listOf(member(schema, "cases")).slice(0, 20).map((each) => String(member(each, "name"))).join(" | ");
    case "enumeration":
      return listOf(member(schema, "values")).slice(0, 20).map((each) => JSON.stringify(each)).join(" | ");
    case "custom":
      return `custom ${String(member(schema, "name"))}`;
    default:
      return type;
  }
}

function isHex(value: Json | undefined): value is string {
  return typeof value === "string" && /^(?:[0-9A-Fa-f]{2})*$/.test(value);
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
    return undefined;
  }
  return (value as { readonly [key: string]: Json })[name];
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

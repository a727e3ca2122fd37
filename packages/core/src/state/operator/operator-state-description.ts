import { StateError } from "../../errors/index.js";
import type { Json } from "../../storage/index.js";
import { checkStateName } from "../descriptors.js";
import type { SerializerSnapshot } from "../serializers/index.js";

/** How the elements of a state are given to the subtasks at a restore. */
export type Redistribution = "even-split" | "union" | "broadcast";

/** One state of one subtask in a checkpoint. */
export interface DescribedState {
  /** In the stored keys of the handle's file; of no meaning elsewhere. */
  readonly id: number;
  readonly name: string;
  readonly redistribution: Redistribution;
  /** Schema of the map keys; broadcast state only. */
  readonly key?: SerializerSnapshot;
  /** Every schema that stored values have, oldest first; each value names its own by index. */
  readonly schemas: readonly SerializerSnapshot[];
  /** Elements or map entries. */
  readonly count: number;
}

/** What one subtask of one operator put into a checkpoint. */
export interface OperatorStateDescription {
  readonly subtask: number;
  /** Subtasks that took part. */
  readonly parallelism: number;
  readonly states: readonly DescribedState[];
}

/** Operator state of one subtask in a checkpoint. */
export interface OperatorStateHandle {
  /** Names of all shared files that this handle needs: one entry file. */
  readonly files: readonly string[];
  readonly description: Json;
}

/** A stored value names its schema with one byte. */
export const schemasMax = 256;
/** States an operator can have; stored keys have two bytes for the id. */
export const statesMax = 65_535;
/** Elements of one state in one subtask; stored keys have four bytes for the position. */
export const elementsMax = 0xffff_ffff;

const kinds: ReadonlySet<unknown> = new Set<Redistribution>(["even-split", "union", "broadcast"]);

/** Reads the description of a handle, which may be damaged. Throws CHECKPOINT_DAMAGED. */
export function parseOperatorState(handle: OperatorStateHandle): OperatorStateDescription {
  if (handle.files.length !== 1) throw operatorStateDamaged(`a handle names ${handle.files.length} files instead of one`);
  const { subtask, parallelism, states } = objectOf(handle.description, "description");
  const count = integerOf(parallelism, "the parallelism", 1, 32_768);
  const list = listOf(states, "the states", statesMax).map(parseState);
  for (const [what, values] of [
    ["id", list.map(({ id }) => id)],
    ["name", list.map(({ name }) => name)],
  ] as const) {
    if (new Set<unknown>(values).size !== list.length) throw operatorStateDamaged(`two states have the same ${what}`);
  }
  return { subtask: integerOf(subtask, "the subtask", 0, count - 1), parallelism: count, states: list };
}

function parseState(value: Json): DescribedState {
  const { id, name, redistribution, key, schemas, count } = objectOf(value, "state");
  if (typeof name !== "string") throw operatorStateDamaged("a state has no name");
  checkName(name);
  if (!kinds.has(redistribution)) {
    throw operatorStateDamaged(`state "${name}" is of the unknown kind ${String(JSON.stringify(redistribution)).slice(0, 100)}`);
  }
  if ((redistribution === "broadcast") !== (key !== undefined)) {
    throw operatorStateDamaged(`state "${name}" ${key === undefined ? "lacks" : "has"} a key schema`);
  }
  const versions = listOf(schemas, `the schemas of state "${name}"`, schemasMax).map((schema) => schemaOf(schema, name));
  if (versions.length === 0) throw operatorStateDamaged(`state "${name}" has no schema`);
  const base = {
    id: integerOf(id, `the id of state "${name}"`, 1, statesMax),
    name,
    redistribution: redistribution as Redistribution,
    schemas: versions,
    count: integerOf(count, `the count of state "${name}"`, 0, elementsMax),
  };
  return key === undefined ? base : { ...base, key: schemaOf(key, name) };
}

function checkName(name: string): void {
  try {
    checkStateName(name);
  } catch (cause) {
    throw operatorStateDamaged(`a state has the name ${JSON.stringify(name.slice(0, 100))}`, cause);
  }
}

function schemaOf(value: Json | undefined, state: string): SerializerSnapshot {
  const schema = objectOf(value, `schema of state "${state}"`);
  if (typeof schema["type"] !== "string") throw operatorStateDamaged(`a schema of state "${state}" has no type`);
  return schema as unknown as SerializerSnapshot;
}

function objectOf(value: Json | undefined, what: string): { readonly [key: string]: Json } {
  if (value === undefined || value === null || typeof value !== "object" || Array.isArray(value)) {
    throw operatorStateDamaged(`a ${what} is not an object`);
  }
  return value as { readonly [key: string]: Json };
}

function listOf(value: Json | undefined, what: string, lengthMax: number): readonly Json[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw operatorStateDamaged(`${what} are not a list of at most ${lengthMax}`);
  return value as readonly Json[];
}

function integerOf(value: Json | undefined, what: string, smallest: number, largest: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= smallest && value <= largest) return value;
  throw operatorStateDamaged(`${what} is not a whole number from ${smallest} to ${largest}`);
}

export function operatorStateDamaged(what: string, cause?: unknown): StateError {
  const message = `the operator state in the checkpoint cannot be restored: ${what}; restore another checkpoint`;
  return new StateError("CHECKPOINT_DAMAGED", message, cause === undefined ? {} : { cause });
}

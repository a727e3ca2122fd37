import { StateError } from "../errors/index.js";
import type { Json } from "../storage/index.js";
import { type AnyStateDescriptor, checkStateName, type StateKind } from "./descriptors.js";
import {
  type KeySerializer,
  resolveCompatibility,
  sameSnapshot,
  type SerializerSnapshot,
  type TypeSerializer,
} from "./serializers/index.js";
import type { StateIdAllocator } from "./state-ids.js";
import { storedSerializer } from "./stored-state.js";

/** A state as it is known to its backend and described in every checkpoint. */
export interface RegisteredState {
  /** Part of every stored key. Given once, never reused (rule 10). */
  readonly id: number;
  readonly name: string;
  readonly kind: StateKind;
  /** Whether entries carry the time of their last access. */
  readonly hasTtl: boolean;
  readonly namespace: SerializerSnapshot;
  /** Schema of the map keys; absent for kinds without any. */
  readonly key?: SerializerSnapshot;
  /** Every schema that values were ever written with, oldest first; a stored value names its own by index. */
  readonly schemas: readonly SerializerSnapshot[];
}

/** Ids above this one belong to Tidemark itself (timers). */
export const highestUserStateId = 0xfeff;
/** Ids of the timer queues. */
export const timerStateIds = { event: 0xff01, processing: 0xff02, "event-namespaced": 0xff03, "processing-namespaced": 0xff04 } as const;

type NamespaceSchema = Pick<KeySerializer<never>, "keySnapshot">;

/** A stored value names its schema with one byte. */
const schemasMax = 256;

/**
 * Which state has which id. Ids start at 1, grow, and are never given twice, so bytes of a state that a job no longer
 * declares can never be taken for another's. Where several subtasks share an operator, its job gives the ids.
 */
export class StateRegistry {
  readonly #states = new Map<string, RegisteredState>();
  readonly #shared: StateIdAllocator | undefined;
  #nextId = 1;

  /** Without `ids` (KeyedStateContext.stateIds) it gives ids of its own: for state that no other subtask shares. */
  constructor(ids?: StateIdAllocator) {
    this.#shared = ids;
  }

  /**
   * Rebuilds a registry from what describe() once returned. Throws CHECKPOINT_DAMAGED on anything else, and when `shared` has given
   * other ones.
   */
  static restore(description: Json, shared?: StateIdAllocator): StateRegistry {
    const registry = new StateRegistry(shared);
    const { nextId, states } = asObject(description, "state registry");
    if (!Array.isArray(states)) throw damaged("states is not a list");
    const ids = new Set<number>();
    for (const entry of states as Json[]) {
      const state = parseState(entry);
      if (ids.has(state.id) || registry.#states.has(state.name)) throw damaged(`state ${state.name} (id ${state.id}) is listed twice`);
      ids.add(state.id);
      registry.#states.set(state.name, state);
    }
    if (!Number.isSafeInteger(nextId) || [...ids].some((id) => id >= (nextId as number))) throw damaged("nextId is not above every id");
    registry.#nextId = nextId as number;
    shared?.adopt([...registry.#states.values()], registry.#nextId);
    return registry;
  }

  /**
   * The state of a descriptor, new or known. A changed but compatible value type becomes a further schema. Throws STATE_INCOMPATIBLE
   * when the state is known with another kind, key or value type that cannot be read.
   */
  register(descriptor: AnyStateDescriptor, namespaces: NamespaceSchema): RegisteredState {
    const known = this.#states.get(descriptor.name);
    if (known !== undefined) {
      const merged = mergeSchemas(known, describeState(descriptor, namespaces, known.id), storedSerializer(descriptor));
      this.#states.set(merged.name, merged);
      return merged;
    }
    const registered = describeState(descriptor, namespaces, this.#newId(descriptor.name));
    this.#states.set(registered.name, registered);
    return registered;
  }

  #newId(name: string): number {
    if (this.#shared !== undefined) return this.#shared.idOf(name);
    if (this.#nextId > highestUserStateId) {
      throw new StateError("INVALID_ARGUMENT", `an operator can have at most ${highestUserStateId} states in its life`);
    }
    return this.#nextId++;
  }

  describe(): Json {
    return { nextId: this.#shared?.nextId ?? this.#nextId, states: [...this.#states.values()] as unknown as Json };
  }
}

function describeState(descriptor: AnyStateDescriptor, namespaces: NamespaceSchema, id: number): RegisteredState {
  const base = {
    id,
    name: descriptor.name,
    kind: descriptor.kind,
    hasTtl: descriptor.ttl !== undefined,
    namespace: namespaces.keySnapshot(),
    schemas: [storedSerializer(descriptor).snapshot()],
  };
  return descriptor.kind === "map" ? { ...base, key: descriptor.key.keySnapshot() } : base;
}

function mergeSchemas(known: RegisteredState, wanted: RegisteredState, serializer: TypeSerializer<unknown>): RegisteredState {
  if (known.kind !== wanted.kind)
    throw incompatible(known.name, `it is stored as ${known.kind} state and declared as ${wanted.kind} state`);
  if (known.hasTtl !== wanted.hasTtl) {
    throw incompatible(
      known.name,
      `it was stored ${known.hasTtl ? "with" : "without"} a ttl, which cannot be switched ${known.hasTtl ? "off" : "on"}`,
    );
  }
  refuseOtherKeys(known.name, "namespaces", known.namespace, wanted.namespace);
  refuseOtherKeys(known.name, "map keys", known.key, wanted.key);
  for (const schema of known.schemas) {
    const found = resolveCompatibility(schema, serializer);
    if (found.kind === "incompatible") {
      const field = found.path === "" ? "its values are" : `its field ${found.path} is`;
      throw incompatible(known.name, `${field} stored as ${show(found.stored)} and declared as ${show(found.current)}: ${found.reason}`);
    }
  }
  const [current] = wanted.schemas;
  if (current === undefined || sameSnapshot(known.schemas.at(-1), current)) return known;
  if (known.schemas.length === schemasMax) throw incompatible(known.name, `it has had ${schemasMax} schemas already`);
  return { ...known, schemas: [...known.schemas, current] };
}

function refuseOtherKeys(
  state: string,
  what: string,
  stored: SerializerSnapshot | undefined,
  wanted: SerializerSnapshot | undefined,
): void {
  const isSame = stored === undefined || wanted === undefined ? stored === wanted : sameSnapshot(stored, wanted);
  if (!isSame)
    throw incompatible(state, `its ${what} are stored as ${show(stored)} and declared as ${show(wanted)}, and keys may not change`);
}

function incompatible(state: string, difference: string): StateError {
  return new StateError(
    "STATE_INCOMPATIBLE",
    `state "${state}" does not fit: ${difference}; give the new state another name or restore the old type`,
    {
      details: { state },
    },
  );
}

function show(snapshot: SerializerSnapshot | undefined): string {
  return snapshot === undefined ? "nothing" : JSON.stringify(snapshot).slice(0, 200);
}

const kinds: ReadonlySet<unknown> = new Set<StateKind>(["value", "list", "map", "reducing", "aggregating"]);

function parseState(entry: Json): RegisteredState {
  const { id, name, kind, hasTtl, namespace, key, schemas } = asObject(entry, "state");
  if (!Number.isSafeInteger(id) || (id as number) < 1 || (id as number) > highestUserStateId)
    throw damaged(`state id ${String(id)} is out of range`);
  if (typeof name !== "string") throw damaged("a state has no name");
  checkStateName(name);
  if (!kinds.has(kind)) throw damaged(`state ${name} has the unknown kind ${JSON.stringify(kind)}`);
  if (typeof hasTtl !== "boolean") throw damaged(`state ${name} does not say whether it has a ttl`);
  if ((kind === "map") !== (key !== undefined))
    throw damaged(`state ${name} of kind ${String(kind)} ${key === undefined ? "lacks" : "has"} a key schema`);
  if (!Array.isArray(schemas) || schemas.length === 0 || schemas.length > schemasMax) throw damaged(`state ${name} has no list of schemas`);
  const base = {
    id: id as number,
    name,
    kind: kind as StateKind,
    hasTtl,
    namespace: parseSnapshot(namespace, name),
    schemas: (schemas as Json[]).map((schema) => parseSnapshot(schema, name)),
  };
  return key === undefined ? base : { ...base, key: parseSnapshot(key, name) };
}

function parseSnapshot(value: Json | undefined, name: string): SerializerSnapshot {
  const snapshot = asObject(value, `schema of state ${name}`);
  if (typeof snapshot["type"] !== "string") throw damaged(`schema of state ${name} has no type`);
  return snapshot as unknown as SerializerSnapshot;
}

function asObject(value: Json | undefined, what: string): { readonly [key: string]: Json } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw damaged(`${what} is not an object`);
  return value as { readonly [key: string]: Json };
}

function damaged(what: string): StateError {
  return new StateError(
    "CHECKPOINT_DAMAGED",
    `the description of keyed state in the checkpoint is malformed: ${what}; restore another checkpoint`,
  );
}

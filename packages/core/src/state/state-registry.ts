import { StateError } from "../errors/index.js";
import type { Json } from "../storage/index.js";
import { type AnyStateDescriptor, checkStateName, type StateKind } from "./descriptors.js";
import { type SerializerSnapshot, sameSnapshot } from "./serializers/index.js";

/** A state as it is known to its backend and described in every checkpoint. */
export interface RegisteredState {
  /** Part of every stored key. Given once, never reused (rule 10). */
  readonly id: number;
  readonly name: string;
  readonly kind: StateKind;
  /** Schema of the map keys; absent for kinds without any. */
  readonly key?: SerializerSnapshot;
  readonly value: SerializerSnapshot;
}

/** Ids above this one belong to Tidemark itself (timers). */
export const highestUserStateId = 0xfeff;
/** Ids of the two timer queues. */
export const timerStateIds = { event: 0xff01, processing: 0xff02 } as const;

/**
 * Which state has which id. Ids start at 1, grow, and are never given twice, so bytes of a state that a job no longer
 * declares can never be taken for another's.
 */
export class StateRegistry {
  readonly #states = new Map<string, RegisteredState>();
  #nextId = 1;

  /** Rebuilds a registry from what describe() once returned. Throws CHECKPOINT_DAMAGED on anything else. */
  static restore(description: Json): StateRegistry {
    const registry = new StateRegistry();
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
    return registry;
  }

  /** The state of a descriptor, new or known. Throws STATE_INCOMPATIBLE when it is known with another kind or type. */
  register(descriptor: AnyStateDescriptor): RegisteredState {
    const wanted = describeState(descriptor, this.#nextId);
    const known = this.#states.get(descriptor.name);
    if (known !== undefined) {
      refuseDifference(known, wanted);
      return known;
    }
    if (this.#nextId > highestUserStateId)
      throw new StateError("INVALID_ARGUMENT", `an operator can have at most ${highestUserStateId} states in its life`);
    this.#nextId += 1;
    this.#states.set(wanted.name, wanted);
    return wanted;
  }

  describe(): Json {
    return { nextId: this.#nextId, states: [...this.#states.values()] as unknown as Json };
  }
}

function describeState(descriptor: AnyStateDescriptor, id: number): RegisteredState {
  const base = { id, name: descriptor.name, kind: descriptor.kind, value: descriptor.value.snapshot() };
  return descriptor.kind === "map" ? { ...base, key: descriptor.key.keySnapshot() } : base;
}

function refuseDifference(known: RegisteredState, wanted: RegisteredState): void {
  const difference =
    known.kind !== wanted.kind
      ? `it is stored as ${known.kind} state and declared as ${wanted.kind} state`
      : !sameOptional(known.key, wanted.key)
        ? `its map keys are stored as ${show(known.key)} and declared as ${show(wanted.key)}`
        : !sameSnapshot(known.value, wanted.value)
          ? `its values are stored as ${show(known.value)} and declared as ${show(wanted.value)}`
          : undefined;
  if (difference !== undefined) {
    throw new StateError(
      "STATE_INCOMPATIBLE",
      `state "${known.name}" does not fit: ${difference}; give the new state another name or restore the old type`,
      {
        details: { state: known.name },
      },
    );
  }
}

function sameOptional(left: SerializerSnapshot | undefined, right: SerializerSnapshot | undefined): boolean {
  return left === undefined || right === undefined ? left === right : sameSnapshot(left, right);
}

function show(snapshot: SerializerSnapshot | undefined): string {
  return snapshot === undefined ? "nothing" : JSON.stringify(snapshot).slice(0, 200);
}

function parseState(entry: Json): RegisteredState {
  const { id, name, kind, key, value } = asObject(entry, "state");
  if (!Number.isSafeInteger(id) || (id as number) < 1 || (id as number) > highestUserStateId)
    throw damaged(`state id ${String(id)} is out of range`);
  if (typeof name !== "string") throw damaged("a state has no name");
  checkStateName(name);
  if (kind !== "value" && kind !== "map") throw damaged(`state ${name} has the unknown kind ${JSON.stringify(kind)}`);
  if ((kind === "map") !== (key !== undefined))
    throw damaged(`state ${name} of kind ${kind} ${key === undefined ? "lacks" : "has"} a key schema`);
  const base = { id: id as number, name, kind, value: parseSnapshot(value, name) } as const;
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

import { StateError } from "../../errors/index.js";
import type { Json, KeyedStateHandle } from "../../storage/index.js";
import type { KeyedStateContext } from "../backend.js";
import { type KeySerializer, sameSnapshot, type SerializerSnapshot } from "../serializers/index.js";
import type { StateIdAllocator } from "../state-ids.js";
import { type RegisteredState, StateRegistry } from "../state-registry.js";

/** What every description of keyed state says, whatever the backend: what stored keys mean. */
export interface KeyedDescription {
  readonly maxParallelism: number;
  /** Schema of the keys. */
  readonly keys: Json;
  /** Which state has which id: StateRegistry.describe(). */
  readonly states: Json;
}

type KeyFacts = Pick<KeyedStateContext<never>, "operator" | "maxParallelism" | "keyGroups" | "stateIds"> & {
  readonly keySerializer: Pick<KeySerializer<never>, "keySnapshot">;
};

/** The part of a handle's description that all backends share; `states` is what StateRegistry.describe() gives. */
export function describeKeyed(context: Pick<KeyFacts, "keySerializer" | "maxParallelism">, states: Json): KeyedDescription {
  return { maxParallelism: context.maxParallelism, keys: context.keySerializer.keySnapshot() as unknown as Json, states };
}

/**
 * Checks what handles say about keys against the job, and that they hold each of its key groups once, and gives their common registry.
 * Takes descriptions of any backend, which may be damaged. Throws MAX_PARALLELISM_MISMATCH, STATE_INCOMPATIBLE for other keys,
 * CHECKPOINT_DAMAGED.
 */
export function restoredRegistry(
  context: KeyFacts,
  handles: readonly Pick<KeyedStateHandle, "keyGroups" | "description">[],
): StateRegistry {
  const described = handles.map(({ description }) => parse(description));
  for (const { maxParallelism, keys } of described) {
    if (maxParallelism !== context.maxParallelism) {
      throw new StateError(
        "MAX_PARALLELISM_MISMATCH",
        `the state of operator "${context.operator}" was stored with max parallelism ${maxParallelism} and the job has ` +
          `${context.maxParallelism}; it is fixed for the life of the state, so set maxParallelism to ${maxParallelism}`,
      );
    }
    const wanted = context.keySerializer.keySnapshot();
    if (!sameSnapshot(keys, wanted)) {
      throw new StateError(
        "STATE_INCOMPATIBLE",
        `the keys of operator "${context.operator}" are stored as ${show(keys)} and now are ${show(wanted)}; keys may not change`,
      );
    }
  }
  requireCoverage(context, handles);
  return mergedRegistry(described.map(({ states }) => StateRegistry.restore(states)), context.stateIds);
}

function parse(description: Json): KeyedDescription {
  if (description === null || typeof description !== "object" || Array.isArray(description)) throw damaged("a description is missing");
  const { maxParallelism, keys, states } = description as { readonly [key: string]: Json };
  if (!Number.isSafeInteger(maxParallelism)) throw damaged("a description has no max parallelism");
  if (keys === undefined || states === undefined) throw damaged("a description lacks its keys or states");
  return { maxParallelism: maxParallelism as number, keys, states };
}

/** A key group that no handle has would come back empty, and nobody would notice. */
function requireCoverage({ keyGroups, operator }: KeyFacts, handles: readonly Pick<KeyedStateHandle, "keyGroups">[]): void {
  let next = keyGroups.first;
  for (const [first, last] of handles.map((handle) => handle.keyGroups).sort(([left], [right]) => left - right)) {
    if (last < keyGroups.first || first > keyGroups.last) continue;
    if (first > next) break;
    if (first < next && next > keyGroups.first) throw damaged(`two subtasks of operator "${operator}" have key group ${first}`);
    next = last + 1;
  }
  if (next <= keyGroups.last) throw damaged(`nothing holds key group ${next} of operator "${operator}"`);
}

interface Registry {
  readonly nextId: number;
  readonly states: readonly RegisteredState[];
}

/**
 * One registry out of those of several subtasks. One may know states that another has not met yet; where two know the same name or
 * id, they must agree (rule 10).
 */
function mergedRegistry(registries: readonly StateRegistry[], ids: StateIdAllocator | undefined): StateRegistry {
  const byName = new Map<string, RegisteredState>();
  const names = new Map<number, string>();
  let nextId = 1;
  for (const registry of registries) {
    const described = registry.describe() as unknown as Registry;
    nextId = Math.max(nextId, described.nextId);
    for (const state of described.states) {
      const known = byName.get(state.name);
      if ((names.get(state.id) ?? state.name) !== state.name || (known !== undefined && known.id !== state.id)) {
        throw damaged(`its subtasks disagree about the id of state "${state.name}"`);
      }
      names.set(state.id, state.name);
      byName.set(state.name, known === undefined ? state : agreed(known, state));
    }
  }
  return StateRegistry.restore({ nextId, states: [...byName.values()] as unknown as Json }, ids);
}

/** Schemas may be more in one subtask than in another, but the common ones have the same numbers. */
function agreed(left: RegisteredState, right: RegisteredState): RegisteredState {
  const [shorter, longer] = left.schemas.length <= right.schemas.length ? [left, right] : [right, left];
  const isSame =
    sameSnapshot({ ...left, schemas: [] }, { ...right, schemas: [] }) &&
    shorter.schemas.every((schema, version) => sameSnapshot(schema, longer.schemas[version]));
  if (!isSame) throw damaged(`its subtasks disagree about the type of state "${left.name}"`);
  return longer;
}

function show(snapshot: Json | SerializerSnapshot): string {
  return JSON.stringify(snapshot).slice(0, 200);
}

function damaged(what: string): StateError {
  return new StateError("CHECKPOINT_DAMAGED", `the keyed state in the checkpoint cannot be restored: ${what}; restore another checkpoint`);
}

import { DerivedAggregatingState } from "./derived/aggregating-state.js";
import { DerivedReducingState } from "./derived/reducing-state.js";
import type { AnyStateDescriptor } from "./descriptors.js";
import type { TypeSerializer } from "./serializers/index.js";
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from "./state-kinds.js";
import { type Stamped, stampedSerializer, TtlRule } from "./ttl/stamped.js";
import { checkTtl } from "./ttl/ttl-config.js";
import { TtlListState } from "./ttl/ttl-list-state.js";
import { TtlMapState } from "./ttl/ttl-map-state.js";
import { TtlValueState } from "./ttl/ttl-value-state.js";

/** How a kind of state is stored: reducing and aggregating states are values. */
export type StoredKind = "value" | "list" | "map";

/** What a backend has to store for a descriptor. */
export function storedKind(descriptor: AnyStateDescriptor): StoredKind {
  return descriptor.kind === "reducing" || descriptor.kind === "aggregating" ? "value" : descriptor.kind;
}

/** The serializer of what is stored: with a ttl, values carry the time of their last access. */
export function storedSerializer(descriptor: AnyStateDescriptor): TypeSerializer<unknown> {
  return descriptor.ttl === undefined ? descriptor.value : (stampedSerializer(descriptor.value) as TypeSerializer<unknown>);
}

/** A handle of one of the three stored kinds. */
export type StoredState = ValueState<unknown> | ListState<unknown> | MapState<unknown, unknown>;

/** A handle of any kind, as a job gets it. */
export type AnyState = StoredState | ReducingState<unknown> | AggregatingState<unknown, unknown>;

/** Puts expiry and reduction on top of what a backend stores. `nowMs` is a clock that never goes back. */
export function handleOver(descriptor: AnyStateDescriptor, stored: StoredState, nowMs: () => number): AnyState {
  const expiring =
    descriptor.ttl === undefined ? stored : withTtl(descriptor, stored, new TtlRule(checkTtl(descriptor.ttl, descriptor.name), nowMs));
  switch (descriptor.kind) {
    case "value":
    case "list":
    case "map":
      return expiring;
    case "reducing":
      return new DerivedReducingState(expiring as ValueState<unknown>, descriptor.reduce);
    case "aggregating":
      return new DerivedAggregatingState(expiring as ValueState<unknown>, descriptor.aggregate);
  }
}

function withTtl(descriptor: AnyStateDescriptor, stored: StoredState, rule: TtlRule): StoredState {
  switch (storedKind(descriptor)) {
    case "value":
      return new TtlValueState(stored as ValueState<Stamped<unknown>>, rule);
    case "list":
      return new TtlListState(stored as ListState<Stamped<unknown>>, rule);
    case "map":
      return new TtlMapState(stored as MapState<unknown, Stamped<unknown>>, rule);
  }
}

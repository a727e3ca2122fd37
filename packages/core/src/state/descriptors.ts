import { StateError } from "../errors/index.js";
import { type KeySerializer, msgpack, type TypeSerializer } from "./serializers/index.js";
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from "./state-kinds.js";
import { checkTtl, type TtlConfig } from "./ttl/ttl-config.js";

export type StateKind = "value" | "list" | "map" | "reducing" | "aggregating";

/** What every state declaration has. The functions below make the real ones; StateOf tells what handle each gives. */
export interface StateDescriptor {
  readonly kind: StateKind;
  /** Unique in its operator. */
  readonly name: string;
  /** When entries expire; absent: never. */
  readonly ttl?: TtlConfig;
}

/** Declares one value a key. Made by valueState(). */
export interface ValueStateDescriptor<T> extends StateDescriptor {
  readonly kind: "value";
  readonly value: TypeSerializer<T>;
}

/** Declares one list a key. Made by listState(). */
export interface ListStateDescriptor<T> extends StateDescriptor {
  readonly kind: "list";
  /** Of one element. */
  readonly value: TypeSerializer<T>;
}

/** Declares one map a key. Made by mapState(). */
export interface MapStateDescriptor<K, V> extends StateDescriptor {
  readonly kind: "map";
  readonly key: KeySerializer<K>;
  readonly value: TypeSerializer<V>;
}

/** Declares one reduced value a key. Made by reducingState(). */
export interface ReducingStateDescriptor<T> extends StateDescriptor {
  readonly kind: "reducing";
  readonly value: TypeSerializer<T>;
  readonly reduce: (left: Readonly<T>, right: T) => T;
}

/** How an aggregating state makes its result. */
export interface AggregateFunction<In, Acc, Out> {
  createAccumulator(): Acc;
  /** A new accumulator; the one given is not changed. */
  add(accumulator: Readonly<Acc>, value: In): Acc;
  getResult(accumulator: Readonly<Acc>): Out;
}

/** Declares one accumulator a key. Made by aggregatingState(). */
export interface AggregatingStateDescriptor<In, Acc, Out> extends StateDescriptor {
  readonly kind: "aggregating";
  /** Of the accumulator. */
  readonly value: TypeSerializer<Acc>;
  readonly aggregate: AggregateFunction<In, Acc, Out>;
}

/** A declaration of any kind, for code that handles them all. */
export type AnyStateDescriptor =
  | ValueStateDescriptor<unknown>
  | ListStateDescriptor<unknown>
  | MapStateDescriptor<unknown, unknown>
  | ReducingStateDescriptor<unknown>
  | AggregatingStateDescriptor<unknown, unknown, unknown>;

/** The handle type that belongs to a descriptor type. */
export type StateOf<D> =
  D extends ValueStateDescriptor<infer T>
    ? ValueState<T>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? ReducingState<T>
          : D extends AggregatingStateDescriptor<infer In, infer _, infer Out>
            ? AggregatingState<In, Out>
            : never;

export interface StateOptions {
  readonly ttl?: TtlConfig;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Throws INVALID_ARGUMENT unless `name` can name a state. */
export function checkStateName(name: string): void {
  if (typeof name === "string" && namePattern.test(name)) return;
  const rule = 'use 1 to 128 letters, digits, ".", "_" or "-", first a letter or digit';
  throw new StateError("INVALID_ARGUMENT", `state name ${JSON.stringify(name)} is not allowed: ${rule}`);
}

/** What all declarations share, checked. */
function declared<K extends StateKind>(kind: K, name: string, { ttl }: StateOptions): { kind: K; name: string; ttl?: TtlConfig } {
  checkStateName(name);
  if (ttl === undefined) return { kind, name };
  checkTtl(ttl, name);
  return { kind, name, ttl };
}

/**
 * Declares a state with one value for each key. Without a serializer values are stored as MessagePack.
 * @example context.getState(valueState("count", int64()))
 */
export function valueState<T = unknown>(name: string, value?: TypeSerializer<T>, options: StateOptions = {}): ValueStateDescriptor<T> {
  return Object.freeze({ ...declared("value", name, options), value: value ?? msgpack<T>() });
}

/**
 * Declares a state with a list for each key. Adding does not read the list.
 * @example context.getState(listState("last-orders", struct({ id: int64(), total: float64() })))
 */
export function listState<T = unknown>(name: string, element?: TypeSerializer<T>, options: StateOptions = {}): ListStateDescriptor<T> {
  return Object.freeze({ ...declared("list", name, options), value: element ?? msgpack<T>() });
}

/**
 * Declares a state with a map for each key; entries are stored one by one, so a map may be larger than memory.
 * @example context.getState(mapState("visits", string(), int64()))
 */
export function mapState<K, V = unknown>(
  name: string,
  key: KeySerializer<K>,
  value?: TypeSerializer<V>,
  options: StateOptions = {},
): MapStateDescriptor<K, V> {
  return Object.freeze({ ...declared("map", name, options), key, value: value ?? msgpack<V>() });
}

/**
 * Declares a state that reduces all added values of a key to one. `reduce` returns a new value and changes neither argument.
 * @example context.getState(reducingState("total", int64(), (left, right) => left + right))
 */
export function reducingState<T>(
  name: string,
  value: TypeSerializer<T>,
  reduce: (left: Readonly<T>, right: T) => T,
  options: StateOptions = {},
): ReducingStateDescriptor<T> {
  return Object.freeze({ ...declared("reducing", name, options), value, reduce });
}

/**
 * Declares a state that aggregates all added values of a key into an accumulator and makes its result from that.
 * @example aggregatingState("mean", struct({ sum: float64(), count: int64() }), mean)
 */
export function aggregatingState<In, Acc, Out>(
  name: string,
  accumulator: TypeSerializer<Acc>,
  aggregate: AggregateFunction<In, Acc, Out>,
  options: StateOptions = {},
): AggregatingStateDescriptor<In, Acc, Out> {
  return Object.freeze({ ...declared("aggregating", name, options), value: accumulator, aggregate });
}

/** The declaration as one of the known kinds. Throws INVALID_ARGUMENT for what none of the functions here made. */
export function knownDescriptor(descriptor: StateDescriptor): AnyStateDescriptor {
  const known = descriptor as AnyStateDescriptor;
  if (typeof known?.value?.write === "function") {
    switch (known.kind) {
      case "value":
      case "list":
        return known;
      case "map":
        if (typeof known.key?.writeKey === "function") return known;
        break;
      case "reducing":
        if (typeof known.reduce === "function") return known;
        break;
      case "aggregating":
        if (typeof known.aggregate?.add === "function") return known;
        break;
    }
  }
  throw new StateError(
    "INVALID_ARGUMENT",
    "a state must be declared with valueState(), listState(), mapState(), reducingState() or aggregatingState()",
  );
}

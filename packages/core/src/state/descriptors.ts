import { StateError } from "../errors/index.js";
import type { KeySerializer, TypeSerializer } from "./serializers/index.js";
import type { MapState, ValueState } from "./state-kinds.js";

/** What every state declaration has. The functions below make the real ones; StateOf tells what handle each gives. */
export interface StateDescriptor {
  readonly kind: StateKind;
  /** Unique in its operator. */
  readonly name: string;
}

export type StateKind = "value" | "map";

/** Declares one value a key. Made by valueState(). */
export interface ValueStateDescriptor<T> extends StateDescriptor {
  readonly kind: "value";
  readonly value: TypeSerializer<T>;
}

/** Declares one map a key. Made by mapState(). */
export interface MapStateDescriptor<K, V> extends StateDescriptor {
  readonly kind: "map";
  readonly key: KeySerializer<K>;
  readonly value: TypeSerializer<V>;
}

/** A declaration of any kind, for code that handles them all. */
export type AnyStateDescriptor = ValueStateDescriptor<unknown> | MapStateDescriptor<unknown, unknown>;

/** The handle type that belongs to a descriptor type. */
export type StateOf<D> =
  D extends ValueStateDescriptor<infer T> ? ValueState<T> : D extends MapStateDescriptor<infer K, infer V> ? MapState<K, V> : never;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Throws INVALID_ARGUMENT unless `name` can name a state. Names that begin with "_" are reserved for Tidemark itself. */
export function checkStateName(name: string): void {
  if (typeof name !== "string" || !namePattern.test(name)) {
    throw new StateError(
      "INVALID_ARGUMENT",
      `state name ${JSON.stringify(name)} is not allowed: use 1 to 128 letters, digits, ".", "_" or "-", first a letter or digit`,
    );
  }
}

/**
 * Declares a state with one value for each key.
 * @example context.getState(valueState("count", int64()))
 */
export function valueState<T>(name: string, value: TypeSerializer<T>): ValueStateDescriptor<T> {
  checkStateName(name);
  return Object.freeze({ kind: "value", name, value });
}

/**
 * Declares a state with a map for each key; entries are stored one by one, so a map may be larger than memory.
 * @example context.getState(mapState("visits", string(), int64()))
 */
export function mapState<K, V>(name: string, key: KeySerializer<K>, value: TypeSerializer<V>): MapStateDescriptor<K, V> {
  checkStateName(name);
  return Object.freeze({ kind: "map", name, key, value });
}

/** The declaration as one of the known kinds. Throws INVALID_ARGUMENT for what none of the functions here made. */
export function knownDescriptor(descriptor: StateDescriptor): AnyStateDescriptor {
  const known = descriptor as AnyStateDescriptor;
  const hasValue = typeof known?.value?.write === "function";
  if (hasValue && (known.kind === "value" || (known.kind === "map" && typeof known.key?.writeKey === "function"))) return known;
  throw new StateError("INVALID_ARGUMENT", "a state must be declared with valueState() or mapState()");
}

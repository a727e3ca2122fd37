import { StateError } from "../errors/index.js";
import { frozenHandle } from "./derived/frozen-handle.js";
import { type AnyStateDescriptor, knownDescriptor, type StateDescriptor, type StateOf } from "./descriptors.js";
import { type NamespacedState, voidNamespace } from "./namespace.js";
import { type KeySerializer, sameSnapshot, type SerializerSnapshot } from "./serializers/index.js";
import type { RegisteredState, StateRegistry } from "./state-registry.js";
import { checkTtl, type TtlSettings } from "./ttl/ttl-config.js";
import { type AnyState, handleOver, type StoredState, storedSerializer } from "./stored-state.js";

/** One state as its backend stores it. */
export interface BackendState<K> {
  readonly stored: StoredState;
  /** The namespace that `stored` means from now on. */
  setNamespace(namespace: unknown): void;
  /** Namespaces of the current key, in byte order. */
  namespaces(): IterableIterator<unknown>;
  /** Keys with an entry in any namespace, in byte order of (key group, key). */
  keys(): IterableIterator<K>;
}

/** Makes a backend's part of a state. */
export type CreateBackendState<K> = (
  descriptor: AnyStateDescriptor,
  registered: RegisteredState,
  namespaces: KeySerializer<unknown>,
) => BackendState<K>;

export interface StateHandlesOptions<K> {
  readonly registry: StateRegistry;
  readonly create: CreateBackendState<K>;
  /** For expiry; never goes back. */
  readonly nowMs: () => number;
  /** Freezes all values that go in or come out, so that changing one in place throws. */
  readonly isDevelopment: boolean;
}

interface KnownState<K> {
  readonly descriptor: AnyStateDescriptor;
  readonly namespaces: KeySerializer<unknown>;
  readonly state: BackendState<K>;
  readonly handle: AnyState;
}

/** The handles a backend has given out: one for each state name, made at the first call. */
export class StateHandles<K> {
  readonly #options: StateHandlesOptions<K>;
  readonly #known = new Map<string, KnownState<K>>();

  constructor(options: StateHandlesOptions<K>) {
    this.#options = options;
  }

  /** Throws STATE_NAME_CONFLICT, STATE_INCOMPATIBLE. */
  get<D extends StateDescriptor>(descriptor: D): StateOf<D> {
    return this.#find(descriptor, voidNamespace as KeySerializer<unknown>).handle as unknown as StateOf<D>;
  }

  /** The same for a state with namespaces. */
  getNamespaced<N, D extends StateDescriptor>(descriptor: D, namespaces: KeySerializer<N>): NamespacedState<N, StateOf<D>> {
    const { state, handle } = this.#find(descriptor, namespaces as unknown as KeySerializer<unknown>);
    return {
      in: (namespace: N) => {
        state.setNamespace(namespace);
        return handle as unknown as StateOf<D>;
      },
      namespaces: () => state.namespaces() as IterableIterator<N>,
    };
  }

  /** What get() or getNamespaced() made before, or a new state without namespaces. */
  backendState(descriptor: StateDescriptor): BackendState<K> {
    return (this.#known.get(descriptor.name) ?? this.#find(descriptor, voidNamespace as KeySerializer<unknown>)).state;
  }

  #find(declared: StateDescriptor, namespaces: KeySerializer<unknown>): KnownState<K> {
    const descriptor = knownDescriptor(declared);
    const known = this.#known.get(descriptor.name);
    if (known !== undefined) {
      if (known.descriptor === descriptor && known.namespaces === namespaces) return known;
      if (sameDeclaration(known.descriptor, descriptor) && sameSnapshot(known.namespaces.keySnapshot(), namespaces.keySnapshot()))
        return known;
      throw new StateError(
        "STATE_NAME_CONFLICT",
        `two states are named "${descriptor.name}" but differ in kind or type; give one another name`,
        { details: { state: descriptor.name } },
      );
    }
    const { registry, create, nowMs, isDevelopment } = this.#options;
    const state = create(descriptor, registry.register(descriptor, namespaces), namespaces);
    const handle = handleOver(descriptor, state.stored, nowMs);
    const entry = { descriptor, namespaces, state, handle: isDevelopment ? frozenHandle(handle) : handle };
    this.#known.set(descriptor.name, entry);
    return entry;
  }
}

function sameDeclaration(left: AnyStateDescriptor, right: AnyStateDescriptor): boolean {
  if (left.kind !== right.kind || !sameSnapshot(storedSerializer(left).snapshot(), storedSerializer(right).snapshot())) return false;
  return sameSnapshot(keySchema(left), keySchema(right)) && JSON.stringify(ttlOf(left)) === JSON.stringify(ttlOf(right));
}

function ttlOf({ ttl, name }: AnyStateDescriptor): TtlSettings | null {
  return ttl === undefined ? null : checkTtl(ttl, name);
}

function keySchema(descriptor: AnyStateDescriptor): SerializerSnapshot {
  return descriptor.kind === "map" ? descriptor.key.keySnapshot() : { type: "none" };
}

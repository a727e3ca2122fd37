import { StateError } from "../errors/index.js";
import { type AnyStateDescriptor, knownDescriptor, type StateDescriptor, type StateOf } from "./descriptors.js";
import { type SerializerSnapshot, sameSnapshot } from "./serializers/index.js";
import type { RegisteredState, StateRegistry } from "./state-registry.js";

/** The handles a backend has given out: one for each state name, made at the first call. */
export class StateHandles<H> {
  readonly #registry: StateRegistry;
  readonly #create: (descriptor: AnyStateDescriptor, state: RegisteredState) => H;
  readonly #handles = new Map<string, { readonly descriptor: AnyStateDescriptor; readonly handle: H }>();

  constructor(registry: StateRegistry, create: (descriptor: AnyStateDescriptor, state: RegisteredState) => H) {
    this.#registry = registry;
    this.#create = create;
  }

  /** Throws STATE_NAME_CONFLICT, STATE_INCOMPATIBLE. */
  get<D extends StateDescriptor>(descriptor: D): StateOf<D> {
    return this.handle(descriptor) as unknown as StateOf<D>;
  }

  /** The same as the backend's own type. */
  handle(declared: StateDescriptor): H {
    const descriptor = knownDescriptor(declared);
    const known = this.#handles.get(descriptor.name);
    if (known !== undefined) {
      if (known.descriptor !== descriptor && !sameDescriptor(known.descriptor, descriptor)) {
        throw new StateError(
          "STATE_NAME_CONFLICT",
          `two states are named "${descriptor.name}" but differ in kind or type; give one another name`,
          {
            details: { state: descriptor.name },
          },
        );
      }
      return known.handle;
    }
    const handle = this.#create(descriptor, this.#registry.register(descriptor));
    this.#handles.set(descriptor.name, { descriptor, handle });
    return handle;
  }

  *all(): IterableIterator<H> {
    for (const { handle } of this.#handles.values()) yield handle;
  }
}

function sameDescriptor(left: AnyStateDescriptor, right: AnyStateDescriptor): boolean {
  if (left.kind !== right.kind || !sameSnapshot(left.value.snapshot(), right.value.snapshot())) return false;
  return sameSnapshot(keySchema(left), keySchema(right));
}

function keySchema(descriptor: AnyStateDescriptor): SerializerSnapshot {
  return descriptor.kind === "map" ? descriptor.key.keySnapshot() : { type: "none" };
}

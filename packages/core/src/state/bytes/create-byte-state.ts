import type { AnyStateDescriptor } from "../descriptors.js";
import type { KeyContext } from "../key-context.js";
import type { MapState, ValueState } from "../state-kinds.js";
import { ByteMapState } from "./byte-map-state.js";
import { ByteValueState } from "./byte-value-state.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";

export type ByteState = ValueState<unknown> | MapState<unknown, unknown>;

/** The handle of a state that lives in an ordered byte store. */
export function createByteState<K>(store: OrderedByteStore, context: KeyContext<K>, id: number, descriptor: AnyStateDescriptor): ByteState {
  switch (descriptor.kind) {
    case "value":
      return new ByteValueState(store, context, id, descriptor.value);
    case "map":
      return new ByteMapState(store, context, id, descriptor.key, descriptor.value);
  }
}

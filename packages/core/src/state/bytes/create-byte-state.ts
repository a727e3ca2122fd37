import type { AnyStateDescriptor } from "../descriptors.js";
import type { RegisteredState } from "../state-registry.js";
import { storedSerializer, type StoredState } from "../stored-state.js";
import { ByteListState } from "./byte-list-state.js";
import { ByteMapState } from "./byte-map-state.js";
import { ByteValueState } from "./byte-value-state.js";
import type { EntryKeys } from "./entry-keys.js";
import type { OrderedByteStore } from "./ordered-byte-store.js";
import { ListCodec, ValueCodec } from "./value-codec.js";

/** What a state stores in an ordered byte store. */
export function createByteState<K, N>(
  store: OrderedByteStore,
  keys: EntryKeys<K, N>,
  descriptor: AnyStateDescriptor,
  state: RegisteredState,
): StoredState {
  const codec = new ValueCodec(storedSerializer(descriptor), state.schemas);
  switch (descriptor.kind) {
    case "value":
    case "reducing":
    case "aggregating":
      return new ByteValueState(store, keys, codec);
    case "list":
      return new ByteListState(store, keys, new ListCodec(codec));
    case "map":
      return new ByteMapState(store, keys, descriptor.key, codec);
  }
}

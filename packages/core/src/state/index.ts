export { isStateError, StateError, type ErrorCode, type ErrorKind } from "../errors/index.js";
export * from "./serializers/index.js";
export { defaultMaxParallelism, keyGroupOf, keyGroupRangeOf, murmur3, subtaskOf, type KeyGroupRange } from "./key-groups.js";
export {
  knownDescriptor,
  mapState,
  valueState,
  type AnyStateDescriptor,
  type MapStateDescriptor,
  type StateDescriptor,
  type StateKind,
  type StateOf,
  type ValueStateDescriptor,
} from "./descriptors.js";
export type { MapState, ValueState } from "./state-kinds.js";
export type {
  KeyedStateBackend,
  KeyedStateContext,
  KeyedStateResult,
  KeyedStateSnapshot,
  RestoredState,
  StateBackend,
  TimeDomain,
} from "./backend.js";
export type { Timer, TimerQueue } from "./timers/timer-queue.js";
export { ByteTimerQueue } from "./timers/byte-timer-queue.js";
export { HeapTimerQueue } from "./timers/heap-timer-queue.js";
export { defaultMaxKeyBytes, entryPrefixBytes, KeyContext, prefixEnd } from "./key-context.js";
export { StateRegistry, timerStateIds, type RegisteredState } from "./state-registry.js";
export { StateHandles } from "./state-handles.js";
export type { ByteCursor, OrderedByteStore } from "./bytes/ordered-byte-store.js";
export { createByteState, type ByteState } from "./bytes/create-byte-state.js";
export { byteKeys } from "./bytes/byte-keys.js";
export { HeapValueState } from "./heap/heap-value-state.js";
export { HeapMapState } from "./heap/heap-map-state.js";
export type { EntryVisitor, HeapState } from "./heap/heap-state.js";
export { EntryFileWriter } from "./entries/entry-file-writer.js";
export { readEntryFile, type EntryConsumer } from "./entries/entry-file-reader.js";

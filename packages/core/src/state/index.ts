export { isStateError, StateError, type ErrorCode, type ErrorKind } from "../errors/index.js";
export * from "./serializers/index.js";
export {
  defaultMaxParallelism,
  hasKeyGroup,
  keyGroupOf,
  keyGroupRangeOf,
  murmur3,
  signedMurmur3,
  subtaskOf,
  type KeyGroupRange,
} from "./key-groups.js";
export {
  knownDescriptor,
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type AggregateFunction,
  type AggregatingStateDescriptor,
  type AnyStateDescriptor,
  type ListStateDescriptor,
  type MapStateDescriptor,
  type ReducingStateDescriptor,
  type StateDescriptor,
  type StateKind,
  type StateOf,
  type StateOptions,
  type ValueStateDescriptor,
} from "./descriptors.js";
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from "./state-kinds.js";
export { voidNamespace, type NamespacedState } from "./namespace.js";
export { checkTtl, type TtlConfig, type TtlSettings } from "./ttl/ttl-config.js";
export { monotonicClock, TtlRule, type Stamped } from "./ttl/stamped.js";
export type {
  BackendMetrics,
  KeyedStateBackend,
  KeyedStateContext,
  KeyedStateResult,
  KeyedStateSnapshot,
  FindElsewhere,
  RestoredState,
  StateBackend,
  TimeDomain,
} from "./backend.js";
export type { Timer, TimerQueue } from "./timers/timer-queue.js";
export { ByteTimerQueue } from "./timers/byte-timer-queue.js";
export { HeapTimerQueue } from "./timers/heap-timer-queue.js";
export { defaultMaxKeyBytes, entryPrefixBytes, KeyContext, prefixEnd } from "./key-context.js";
export { OperatorStateIdRegistry, type StateIdAllocator } from "./state-ids.js";
export { StateRegistry, timerStateIds, type RegisteredState } from "./state-registry.js";
export { StateHandles, type BackendState, type CreateBackendState, type StateHandlesOptions } from "./state-handles.js";
export { storedKind, storedSerializer, type StoredKind, type StoredState } from "./stored-state.js";
export type { ByteCursor, OrderedByteStore } from "./bytes/ordered-byte-store.js";
export { byteBackendState } from "./bytes/byte-backend-state.js";
export { ListCodec, ValueCodec } from "./bytes/value-codec.js";
export { fitsTable, tableBackendState } from "./table/table-backend-state.js";
export { copyBytes, sameWords, type ByteSource } from "./serializers/byte-source.js";
export {
  Directory,
  FrozenTable,
  StateTable,
  TableListState,
  TableMapState,
  TableValueState,
  type KeyHash,
  type StateTableOptions,
  type TableCollectionOptions,
  type TableEntry,
  type TableStateOptions,
} from "./table/index.js";
export { heapBackendState, type HeapBackendState } from "./heap/heap-backend-state.js";
export { HeapKeys } from "./heap/heap-keys.js";
export type { EntryChanges } from "./heap/entry-changes.js";
export { MemoryGuard, type MemoryUse, type ReadMemory } from "./heap/memory-guard.js";
export { processMemory } from "./heap/process-memory.js";
export { ExpirySweep } from "./heap/expiry-sweep.js";
export type { EntryVisitor, Freezable, HeapState, IsExpired } from "./heap/heap-state.js";
export { EntryFileWriter } from "./entries/entry-file-writer.js";
export { readEntryFile, type EntryConsumer } from "./entries/entry-file-reader.js";
export { describeKeyed, restoredRegistry, type KeyedDescription } from "./savepoint/keyed-description.js";
export { HeapExport, type HeapExportOptions, type UndeclaredEntries } from "./savepoint/heap-export.js";
export type { SavepointHeader } from "./savepoint/savepoint-format.js";
export { readSavepoint, readSavepointHeader } from "./savepoint/savepoint-reader.js";
export { isSavepoint, restoreSavepoint } from "./savepoint/savepoint-restore.js";
export { writeSavepoint, type SavepointContext } from "./savepoint/savepoint-writer.js";
export type { StateExport } from "./savepoint/state-export.js";
export { OperatorStateBackend, type OperatorStateContext, type OperatorStateResult } from "./operator/operator-state-backend.js";
export type { OperatorStateHandle } from "./operator/operator-state-description.js";
export type { RestoredOperatorState } from "./operator/operator-state-restore.js";
export { yieldTurn } from "../time/index.js";

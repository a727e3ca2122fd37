export * from "./api/index.js";
export { errorCodes, isStateError, StateError, type ErrorCode, type ErrorKind, type StateErrorOptions } from "./errors/index.js";
export type {
  Collect,
  FiredTimer,
  ProcessContext,
  ProcessFunction,
  ProcessFunctionFactory,
  Sink,
  SinkContext,
  SinkWriter,
  Source,
  SourceContext,
  SourceReader,
  TimerService,
} from "./operators/index.js";
export type {
  CheckpointConfig,
  CheckpointFailure,
  CheckpointListener,
  CheckpointReport,
  DamageReport,
  Logger,
  TriggerOptions,
} from "./checkpoint/index.js";
export { describeCompleted, formatBytes } from "./checkpoint/index.js";
export type {
  ForeignCheckpoint,
  JobExecution,
  JobMetrics,
  JobOptions,
  JobResult,
  OperatorMetrics,
  RestoreOptions,
  RestoreReport,
} from "./runtime/index.js";
export type { Clock, Duration } from "./time/index.js";
export { systemClock } from "./time/index.js";
export {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type AggregateFunction,
  type AggregatingState,
  type AggregatingStateDescriptor,
  type ListState,
  type ListStateDescriptor,
  type MapState,
  type MapStateDescriptor,
  type NamespacedState,
  type ReducingState,
  type ReducingStateDescriptor,
  type StateBackend,
  type StateDescriptor,
  type StateOf,
  type StateOptions,
  type TtlConfig,
  type ValueState,
  type ValueStateDescriptor,
} from "./state/index.js";
export * from "./state/serializers/index.js";

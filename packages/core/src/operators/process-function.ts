import type { StateDescriptor, StateOf } from "../state/index.js";

/** Takes results of a function; each goes on with the timestamp of the record or timer it came from. */
export type Collect<Out> = (value: Out) => void;

/** What a process function can reach. One object for the life of the operator; its getters speak of the current call. */
export interface ProcessContext<K> {
  /** The key of the current record or timer. Throws NO_CURRENT_KEY outside of one. */
  readonly key: K;
  /** Event time of the current record, time of the current timer, or undefined where the record has none. */
  readonly timestampMs: number | undefined;
  /** The last watermark; -Infinity before the first. */
  readonly watermarkMs: number;
  readonly timers: TimerService;
  readonly subtask: number;
  /** The handle of a state of this operator, about the current key. */
  getState<D extends StateDescriptor>(descriptor: D): StateOf<D>;
}

/** Timers of the current key: at most one for each time and domain; part of every checkpoint. */
export interface TimerService {
  /** Calls onTimer() once the watermark reaches `timeMs`. */
  registerEventTime(timeMs: number): void;
  deleteEventTime(timeMs: number): void;
  /** Calls onTimer() once the clock reaches `timeMs`. */
  registerProcessingTime(timeMs: number): void;
  deleteProcessingTime(timeMs: number): void;
  /** The job's clock, milliseconds since the epoch. */
  nowMs(): number;
}

export interface FiredTimer {
  readonly timeMs: number;
  readonly domain: "event" | "processing";
}

/** What a process operator runs. Everything is synchronous; nothing on a record's path waits. */
export interface ProcessFunction<In, Out> {
  processElement(value: In, collect: Collect<Out>): void;
  onTimer?(timer: FiredTimer, collect: Collect<Out>): void;
  /** Called once when the job ends, however it ends. */
  close?(): void;
}

/** Makes the function of one subtask: declare state here, once. */
export type ProcessFunctionFactory<K, In, Out> = (context: ProcessContext<K>) => ProcessFunction<In, Out>;

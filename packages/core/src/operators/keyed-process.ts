import { StateError } from "../errors/index.js";
import type { KeyedStateBackend, StateDescriptor, StateOf, TimerQueue } from "../state/index.js";
import type { Clock } from "../time/index.js";
import type { Output } from "./output.js";
import type { ProcessContext, ProcessFunction, ProcessFunctionFactory, TimerService } from "./process-function.js";

export interface KeyedProcessParts<K, In, Out> {
  readonly name: string;
  readonly subtask: number;
  readonly keyOf: (value: In) => K;
  readonly create: ProcessFunctionFactory<K, In, Out>;
  readonly backend: KeyedStateBackend<K>;
  readonly clock: Clock;
  readonly next: Output<Out>;
}

/** Runs a process function with keyed state and timers. */
export class KeyedProcessOperator<K, In, Out> implements Output<In> {
  readonly #parts: KeyedProcessParts<K, In, Out>;
  readonly #function: ProcessFunction<In, Out>;
  readonly #eventTimers: TimerQueue<K>;
  readonly #processingTimers: TimerQueue<K>;
  #timestampMs: number | undefined;
  #watermarkMs = -Infinity;

  constructor(parts: KeyedProcessParts<K, In, Out>) {
    this.#parts = parts;
    this.#eventTimers = parts.backend.timers("event");
    this.#processingTimers = parts.backend.timers("processing");
    try {
      this.#function = parts.create(this.#context());
    } catch (error) {
      throw this.#asUserError(error);
    }
  }

  collect(value: In, timestampMs: number | undefined): void {
    this.#timestampMs = timestampMs;
    const { backend, keyOf } = this.#parts;
    try {
      backend.setCurrentKey(keyOf(value));
      const result: unknown = this.#function.processElement(value, this.#collect);
      if (result !== undefined) refuseResult(result, "processElement");
    } catch (error) {
      throw this.#asUserError(error);
    } finally {
      backend.clearCurrentKey();
    }
  }

  watermark(timestampMs: number): void {
    this.#watermarkMs = timestampMs;
    this.#fire(this.#eventTimers, "event", timestampMs);
    this.#parts.next.watermark(timestampMs);
  }

  /** When the next processing-time timer is due, Infinity when there is none. */
  nextProcessingTimeMs(): number {
    return this.#processingTimers.nextTimeMs();
  }

  /** Fires the processing-time timers due at `nowMs`. */
  advanceProcessingTime(nowMs: number): void {
    this.#fire(this.#processingTimers, "processing", nowMs);
  }

  close(): void {
    this.#function.close?.();
  }

  readonly #collect = (value: Out): void => this.#parts.next.collect(value, this.#timestampMs);

  #fire(timers: TimerQueue<K>, domain: "event" | "processing", untilMs: number): void {
    for (;;) {
      const timer = timers.poll(untilMs);
      if (timer === undefined) return;
      this.#timestampMs = timer.timeMs;
      const { backend } = this.#parts;
      try {
        backend.setCurrentKey(timer.key);
        const result: unknown = this.#function.onTimer?.({ timeMs: timer.timeMs, domain }, this.#collect);
        if (result !== undefined) refuseResult(result, "onTimer");
      } catch (error) {
        throw this.#asUserError(error);
      } finally {
        backend.clearCurrentKey();
      }
    }
  }

  /** Errors of user code come out as USER_FUNCTION with the operator's name, ours as they are. */
  #asUserError(error: unknown): StateError {
    if (error instanceof StateError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new StateError("USER_FUNCTION", `the function of operator "${this.#parts.name}" threw: ${message}`, {
      cause: error,
      details: { operator: this.#parts.name },
    });
  }

  #context(): ProcessContext<K> {
    const { backend, subtask, clock } = this.#parts;
    const timers: TimerService = {
      registerEventTime: (timeMs) => void this.#eventTimers.register(timeMs),
      deleteEventTime: (timeMs) => void this.#eventTimers.delete(timeMs),
      registerProcessingTime: (timeMs) => void this.#processingTimers.register(timeMs),
      deleteProcessingTime: (timeMs) => void this.#processingTimers.delete(timeMs),
      nowMs: () => clock.nowMs(),
    };
    const current = { timestampMs: () => this.#timestampMs, watermarkMs: () => this.#watermarkMs };
    return {
      get key() {
        return backend.currentKey();
      },
      get timestampMs() {
        return current.timestampMs();
      },
      get watermarkMs() {
        return current.watermarkMs();
      },
      timers,
      subtask,
      getState: <D extends StateDescriptor>(descriptor: D): StateOf<D> => backend.getState(descriptor),
    };
  }
}

/** TypeScript lets an async function stand where a void one is asked for; its work would be lost, so it is refused. */
function refuseResult(result: unknown, name: string): void {
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new StateError("INVALID_ARGUMENT", `${name}() returned a promise; state is synchronous, so the function must be too`);
  }
}

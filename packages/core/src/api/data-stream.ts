import type { PlanNode } from "../graph/index.js";
import type { ProcessFunctionFactory, Sink } from "../operators/index.js";
import type { KeySerializer } from "../state/index.js";
import { type Duration, durationMs } from "../time/index.js";
import type { PlanBuilder } from "./plan-builder.js";

/** Records of one type on their way through the job. Each method adds an operator behind this point. */
export class DataStream<T> {
  readonly #builder: PlanBuilder;
  readonly #node: PlanNode;

  /** Streams come from env.source() and from methods of other streams. */
  constructor(builder: PlanBuilder, node: PlanNode) {
    this.#builder = builder;
    this.#node = node;
  }

  /** Sends `change(value)` for each value. */
  map<Out>(change: (value: T) => Out): DataStream<Out> {
    return this.#append({ kind: "map", id: this.#builder.nextId("map"), change: change as (value: unknown) => unknown, downstream: [] });
  }

  /** Sends the values for which `isWanted` holds. */
  filter<Out extends T>(isWanted: (value: T) => value is Out): DataStream<Out>;
  filter(isWanted: (value: T) => boolean): DataStream<T>;
  filter(isWanted: (value: T) => boolean): DataStream<T> {
    return this.#append({
      kind: "filter",
      id: this.#builder.nextId("filter"),
      isWanted: isWanted as (value: unknown) => boolean,
      downstream: [],
    });
  }

  /** Sends every element of `expand(value)` for each value. */
  flatMap<Out>(expand: (value: T) => Iterable<Out>): DataStream<Out> {
    return this.#append({
      kind: "flatMap",
      id: this.#builder.nextId("flatMap"),
      expand: expand as (value: unknown) => Iterable<unknown>,
      downstream: [],
    });
  }

  /**
   * Gives records their event time, milliseconds since the epoch. Records may come out of order by up to `maxOutOfOrder` (default 0);
   * event-time timers wait that long.
   */
  withTimestamps(timestampOf: (value: T) => number, options: { readonly maxOutOfOrder?: Duration } = {}): DataStream<T> {
    return this.#append({
      kind: "timestamps",
      id: this.#builder.nextId("timestamps"),
      timestampOf: timestampOf as (value: unknown) => number,
      outOfOrderMs: durationMs(options.maxOutOfOrder ?? 0, "maxOutOfOrder"),
      downstream: [],
    });
  }

  /** Groups records by key: functions behind it have state of their own for each key. */
  keyBy<K>(keyOf: (value: T) => K, keySerializer: KeySerializer<K>): KeyedStream<K, T> {
    return new KeyedStream(this.#builder, this.#node, keyOf, keySerializer);
  }

  /** Ends the stream. `name` tells the sink's state apart in checkpoints. */
  sink(name: string, sink: Sink<T>): void {
    this.#builder.append(this.#node, { kind: "sink", id: name, sink: sink as Sink<unknown>, downstream: [] });
  }

  #append<Out>(node: PlanNode): DataStream<Out> {
    return new DataStream(this.#builder, this.#builder.append(this.#node, node));
  }
}

/** A stream whose records are grouped by key. */
export class KeyedStream<K, T> {
  readonly #builder: PlanBuilder;
  readonly #node: PlanNode;
  readonly #keyOf: (value: T) => K;
  readonly #keySerializer: KeySerializer<K>;

  constructor(builder: PlanBuilder, node: PlanNode, keyOf: (value: T) => K, keySerializer: KeySerializer<K>) {
    this.#builder = builder;
    this.#node = node;
    this.#keyOf = keyOf;
    this.#keySerializer = keySerializer;
  }

  /**
   * Runs a function with keyed state and timers. `name` tells its state apart in checkpoints: keep it as long as the state matters.
   * `create` is called once a subtask; declare state in it with context.getState().
   */
  process<Out>(name: string, create: ProcessFunctionFactory<K, T, Out>): DataStream<Out> {
    const node: PlanNode = {
      kind: "process",
      id: name,
      keyOf: this.#keyOf as (value: unknown) => unknown,
      keySerializer: this.#keySerializer as unknown as KeySerializer<unknown>,
      create: create as unknown as ProcessFunctionFactory<unknown, unknown, unknown>,
      downstream: [],
    };
    return new DataStream(this.#builder, this.#builder.append(this.#node, node));
  }
}

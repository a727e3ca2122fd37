import type { AggregateFunction } from "../descriptors.js";
import type { AggregatingState, ValueState } from "../state-kinds.js";

/** Aggregating state over a value state of accumulators. */
export class DerivedAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #accumulator: ValueState<Acc>;
  readonly #aggregate: AggregateFunction<In, Acc, Out>;

  constructor(accumulator: ValueState<Acc>, aggregate: AggregateFunction<In, Acc, Out>) {
    this.#accumulator = accumulator;
    this.#aggregate = aggregate;
  }

  get(): Out | undefined {
    const accumulator = this.#accumulator.value();
    return accumulator === undefined ? undefined : this.#aggregate.getResult(accumulator);
  }

  add(value: In): void {
    const before = this.#accumulator.value() ?? this.#aggregate.createAccumulator();
    this.#accumulator.update(this.#aggregate.add(before as Readonly<Acc>, value));
  }

  clear(): void {
    this.#accumulator.clear();
  }
}

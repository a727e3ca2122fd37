import type { ReducingState, ValueState } from "../state-kinds.js";

/** Reducing state over a value state. */
export class DerivedReducingState<T> implements ReducingState<T> {
  readonly #value: ValueState<T>;
  readonly #reduce: (left: Readonly<T>, right: T) => T;

  constructor(value: ValueState<T>, reduce: (left: Readonly<T>, right: T) => T) {
    this.#value = value;
    this.#reduce = reduce;
  }

  get(): Readonly<T> | undefined {
    return this.#value.value();
  }

  add(value: T): void {
    const before = this.#value.value();
    this.#value.update(before === undefined ? value : this.#reduce(before, value));
  }

  clear(): void {
    this.#value.clear();
  }
}

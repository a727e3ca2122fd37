import type { ValueState } from "../state-kinds.js";
import type { Stamped, TtlRule } from "./stamped.js";

/** Value state whose values expire. */
export class TtlValueState<T> implements ValueState<T> {
  readonly #inner: ValueState<Stamped<T>>;
  readonly #rule: TtlRule;

  constructor(inner: ValueState<Stamped<T>>, rule: TtlRule) {
    this.#inner = inner;
    this.#rule = rule;
  }

  value(): Readonly<T> | undefined {
    const stored = this.#inner.value();
    if (stored === undefined) return undefined;
    const isExpired = this.#rule.isExpired(stored);
    if (isExpired) this.#inner.clear();
    else if (this.#rule.settings.isUpdatedOnRead) this.#inner.update(this.#rule.stamp(stored.value));
    return isExpired && !this.#rule.settings.returnsExpired ? undefined : stored.value;
  }

  update(value: T): void {
    this.#inner.update(this.#rule.stamp(value));
  }

  clear(): void {
    this.#inner.clear();
  }
}

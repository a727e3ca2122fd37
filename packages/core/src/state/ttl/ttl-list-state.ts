import type { ListState } from "../state-kinds.js";
import type { Stamped, TtlRule } from "./stamped.js";

/** List state whose elements expire, each for itself. */
export class TtlListState<T> implements ListState<T> {
  readonly #inner: ListState<Stamped<T>>;
  readonly #rule: TtlRule;

  constructor(inner: ListState<Stamped<T>>, rule: TtlRule) {
    this.#inner = inner;
    this.#rule = rule;
  }

  get(): readonly Readonly<T>[] {
    const stored = this.#inner.get();
    const alive = stored.filter((element) => !this.#rule.isExpired(element));
    if (this.#rule.settings.isUpdatedOnRead && alive.length > 0)
      this.#inner.update(alive.map((element) => this.#rule.stamp(element.value)));
    else if (alive.length < stored.length) this.#inner.update(alive);
    return (this.#rule.settings.returnsExpired ? stored : alive).map((element) => element.value);
  }

  add(element: T): void {
    this.#inner.add(this.#rule.stamp(element));
  }

  addAll(elements: Iterable<T>): void {
    this.#inner.addAll(this.#stamped(elements));
  }

  update(elements: Iterable<T>): void {
    this.#inner.update(this.#stamped(elements));
  }

  clear(): void {
    this.#inner.clear();
  }

  *#stamped(elements: Iterable<T>): Iterable<Stamped<T>> {
    for (const element of elements) yield this.#rule.stamp(element);
  }
}

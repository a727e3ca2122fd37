import type { MapState } from "../state-kinds.js";
import type { Stamped, TtlRule } from "./stamped.js";

/** Map state whose entries expire, each for itself. */
export class TtlMapState<K, V> implements MapState<K, V> {
  readonly #inner: MapState<K, Stamped<V>>;
  readonly #rule: TtlRule;

  constructor(inner: MapState<K, Stamped<V>>, rule: TtlRule) {
    this.#inner = inner;
    this.#rule = rule;
  }

  get(key: K): Readonly<V> | undefined {
    const stored = this.#inner.get(key);
    if (stored === undefined) return undefined;
    if (this.#rule.isExpired(stored)) {
      this.#inner.remove(key);
      return this.#rule.settings.returnsExpired ? stored.value : undefined;
    }
    if (this.#rule.settings.isUpdatedOnRead) this.#inner.put(key, this.#rule.stamp(stored.value));
    return stored.value;
  }

  put(key: K, value: V): void {
    this.#inner.put(key, this.#rule.stamp(value));
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  contains(key: K): boolean {
    return this.get(key) !== undefined;
  }

  remove(key: K): void {
    this.#inner.remove(key);
  }

  isEmpty(): boolean {
    for (const _ of this.entries()) return false;
    return true;
  }

  *entries(): IterableIterator<readonly [K, Readonly<V>]> {
    for (const [key, stored] of this.#inner.entries()) if (this.#rule.isVisible(stored)) yield [key, stored.value];
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<Readonly<V>> {
    for (const [, value] of this.entries()) yield value;
  }

  clear(): void {
    this.#inner.clear();
  }
}

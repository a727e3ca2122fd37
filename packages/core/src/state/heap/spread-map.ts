/** A Map of V8 holds 2^24 entries at most, and needs room for twice as many while it grows. */
const entriesPerMap = 2 ** 23;

/** The part of Map that both offer. */
export type EntryMap<K, V> = Map<K, V> | SpreadMap<K, V>;

/** What can be read of either. */
export interface ReadonlyEntryMap<K, V> extends Iterable<[K, V]> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  values(): Iterable<V>;
}

/** The map itself where it takes another entry, or one without a limit that goes on from it. */
export function withRoom<K, V>(map: EntryMap<K, V>, limit: number = entriesPerMap): EntryMap<K, V> {
  return map instanceof SpreadMap || map.size < limit ? map : new SpreadMap(map, limit);
}

/** A map past the engine's limit: entries that one Map has no room for go to the next. Looking in a few costs little more than in one. */
export class SpreadMap<K, V> implements ReadonlyEntryMap<K, V> {
  readonly #maps: Map<K, V>[];
  readonly #limit: number;

  constructor(first: Map<K, V>, limit: number) {
    this.#maps = [first];
    this.#limit = limit;
  }

  get size(): number {
    return this.#maps.reduce((sum, { size }) => sum + size, 0);
  }

  get(key: K): V | undefined {
    for (const map of this.#maps) {
      const value = map.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  has(key: K): boolean {
    return this.#maps.some((map) => map.has(key));
  }

  set(key: K, value: V): void {
    const map = this.#maps.find((each) => each.has(key)) ?? this.#maps.find(({ size }) => size < this.#limit);
    if (map === undefined) this.#maps.push(new Map([[key, value]]));
    else map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#maps.some((map) => map.delete(key));
  }

  /** In no particular order. Entries changed while iterating may be seen, missed or seen twice. */
  *[Symbol.iterator](): Generator<[K, V], undefined> {
    for (const map of this.#maps) yield* map;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const map of this.#maps) yield* map.values();
    return undefined;
  }
}

/**
 * The handles a function uses to reach the state of the current key. All calls are synchronous. What a handle returns
 * is read-only: change a value by update() or put(), never in place, or the backends would differ.
 */
export interface ValueState<T> {
  /** The stored value, or undefined when there is none. */
  value(): Readonly<T> | undefined;
  update(value: T): void;
  clear(): void;
}

/** One list for each key, in the order of adding. */
export interface ListState<T> {
  /** All elements; empty when there are none. The array is the caller's to read, not to change. */
  get(): readonly Readonly<T>[];
  /** Appends without reading what is there. */
  add(element: T): void;
  addAll(elements: Iterable<T>): void;
  /** Replaces the list. An empty one is the same as clear(). */
  update(elements: Iterable<T>): void;
  clear(): void;
}

/** One map for each key. Iteration is in the byte order of the encoded map keys, the same on every backend. */
export interface MapState<K, V> {
  get(key: K): Readonly<V> | undefined;
  put(key: K, value: V): void;
  putAll(entries: Iterable<readonly [K, V]>): void;
  contains(key: K): boolean;
  remove(key: K): void;
  isEmpty(): boolean;
  /** Reads in chunks, never the whole map at once. Entries changed while iterating may or may not be seen. */
  entries(): IterableIterator<readonly [K, Readonly<V>]>;
  keys(): IterableIterator<K>;
  values(): IterableIterator<Readonly<V>>;
  clear(): void;
}

/** One value for each key, into which every added one is reduced. */
export interface ReducingState<T> {
  get(): Readonly<T> | undefined;
  add(value: T): void;
  clear(): void;
}

/** One accumulator for each key; get() gives the result made from it. */
export interface AggregatingState<In, Out> {
  get(): Out | undefined;
  add(value: In): void;
  clear(): void;
}

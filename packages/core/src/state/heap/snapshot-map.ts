import { type EntryMap, type ReadonlyEntryMap, withRoom } from "./spread-map.js";

const absent = Symbol("absent");

/** Overlay entries moved to the base with each write after a snapshot, so that no single call pays for all. */
const mergedPerWrite = 16;

/**
 * A Map whose contents can be frozen while it goes on changing. While frozen, changes go to an overlay and the base stays
 * as it was at freeze(); after release() the overlay flows back, a few entries with each write. Holds more than a Map can.
 */
export class SnapshotMap<K, V extends object> {
  #base: EntryMap<K, V> = new Map<K, V>();
  #overlay: EntryMap<K, V | typeof absent> | undefined;
  /** Entries of one Map; a test may set it lower. */
  readonly #limit: number | undefined;
  #isFrozen = false;
  #size = 0;
  #walker: Iterator<[K, V], undefined> | undefined;

  constructor(entriesPerMap?: number) {
    this.#limit = entriesPerMap;
  }

  get size(): number {
    return this.#size;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get(key: K): V | undefined {
    if (this.#overlay !== undefined) {
      const changed = this.#overlay.get(key);
      if (changed !== undefined) return changed === absent ? undefined : (changed as V);
    }
    return this.#base.get(key);
  }

  set(key: K, value: V): void {
    if (this.get(key) === undefined) this.#size += 1;
    if (this.#isFrozen) {
      this.#putAside(key, value);
      return;
    }
    this.#overlay?.delete(key);
    this.#moveToBase(key, value);
    this.#mergeSome();
  }

  delete(key: K): boolean {
    if (this.get(key) === undefined) return false;
    this.#size -= 1;
    if (this.#isFrozen) {
      this.#putAside(key, absent);
      return true;
    }
    this.#overlay?.delete(key);
    this.#base.delete(key);
    this.#mergeSome();
    return true;
  }

  /** The current contents, in no particular order. Entries changed while iterating may be seen, missed or seen twice. */
  *entries(): Generator<[K, V], undefined> {
    for (const entry of this.#base) if (this.#overlay?.has(entry[0]) !== true) yield entry;
    if (this.#overlay !== undefined) for (const [key, value] of this.#overlay) if (value !== absent) yield [key, value as V];
    return undefined;
  }

  /** The next `count` entries of a walk that goes around in circles, over all calls. Entries may be changed or deleted meanwhile. */
  *walk(count: number): IterableIterator<[K, V]> {
    for (let left = Math.min(count, this.#size); left > 0; left -= 1) {
      let next = this.#walker?.next();
      if (next === undefined || next.done === true) {
        this.#walker = this.entries();
        next = this.#walker.next();
        if (next.done === true) return;
      }
      yield next.value;
    }
  }

  /** Fixes the contents and returns them; they stay readable and unchanged until release(). */
  freeze(): ReadonlyEntryMap<K, V> {
    if (!this.#isFrozen) this.#mergeAll();
    this.#isFrozen = true;
    return this.#base;
  }

  release(): void {
    this.#isFrozen = false;
  }

  #mergeAll(): void {
    if (this.#overlay === undefined) return;
    for (const [key, value] of this.#overlay) this.#moveToBase(key, value);
    this.#overlay = undefined;
  }

  #mergeSome(): void {
    if (this.#overlay === undefined) return;
    let budget = mergedPerWrite;
    for (const [key, value] of this.#overlay) {
      if (budget-- === 0) return;
      this.#moveToBase(key, value);
      this.#overlay.delete(key);
    }
    this.#overlay = undefined;
  }

  #moveToBase(key: K, value: V | typeof absent): void {
    if (value === absent) {
      this.#base.delete(key);
      return;
    }
    this.#base = withRoom(this.#base, this.#limit);
    this.#base.set(key, value as V);
  }

  #putAside(key: K, value: V | typeof absent): void {
    this.#overlay = withRoom<K, V | typeof absent>(this.#overlay ?? new Map(), this.#limit);
    this.#overlay.set(key, value);
  }
}

const absent = Symbol("absent");

/** Overlay entries moved to the base with each write after a snapshot, so that no single call pays for all. */
const mergedPerWrite = 16;

/**
 * A Map whose contents can be frozen while it goes on changing. While frozen, changes go to an overlay and the base stays
 * as it was at freeze(); after release() the overlay flows back, a few entries with each write.
 */
export class SnapshotMap<K, V extends object> {
  readonly #base = new Map<K, V>();
  #overlay: Map<K, V | typeof absent> | undefined;
  #isFrozen = false;
  #size = 0;
  #walker: Iterator<[K, V], undefined> | undefined;

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
      (this.#overlay ??= new Map()).set(key, value);
      return;
    }
    this.#overlay?.delete(key);
    this.#base.set(key, value);
    this.#mergeSome();
  }

  delete(key: K): boolean {
    if (this.get(key) === undefined) return false;
    this.#size -= 1;
    if (this.#isFrozen) {
      (this.#overlay ??= new Map()).set(key, absent);
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
  freeze(): ReadonlyMap<K, V> {
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
    if (value === absent) this.#base.delete(key);
    else this.#base.set(key, value as V);
  }
}

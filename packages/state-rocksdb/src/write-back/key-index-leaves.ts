import type { KeyArena } from "./key-index-arena.js";
import type { SortablePlaces } from "./key-index-sort.js";

/** A leaf is 256 words: how many places it has, then the places. */
const leafWords = 256;
const mostPlaces = leafWords - 1;
/** Leaves built at once are left with room, or the next insertions would split every one. */
const placesOfBuiltLeaf = 192;
const leavesPerSlab = 16;

/**
 * Places in the order of their keys: leaves of up to 255 of them, and for each leaf, in order, where it is and its
 * first place. Two levels of sorted arrays are enough, for a leaf is split only every hundred insertions.
 */
export class KeyLeaves {
  readonly #arena: KeyArena;
  readonly #slabs: Uint32Array[] = [];
  #leafCount = 0;
  /** Number of each leaf, in order; leaves are numbered as they were made. */
  #numbers = new Uint32Array(16);
  /** The first place of each leaf, in order; that of leaf 0, which takes all that is below leaf 1, is never read. */
  #heads = new Uint32Array(16);
  #size = 0;
  /** Where `find()` ended. */
  foundLeaf = 0;
  foundSlot = 0;

  constructor(arena: KeyArena) {
    this.#arena = arena;
  }

  /** How many places there are. */
  get size(): number {
    return this.#size;
  }

  get leafCount(): number {
    return this.#leafCount;
  }

  /** Bytes of memory held. */
  get sizeBytes(): number {
    return this.#slabs.length * leavesPerSlab * leafWords * 4 + this.#numbers.byteLength * 2;
  }

  /** How many places the leaf in position `leaf` has; at least 1. */
  countOf(leaf: number): number {
    const number = this.#numbers[leaf] as number;
    return (this.#slabs[(number / leavesPerSlab) | 0] as Uint32Array)[(number % leavesPerSlab) * leafWords] as number;
  }

  placeAt(leaf: number, slot: number): number {
    const number = this.#numbers[leaf] as number;
    return (this.#slabs[(number / leavesPerSlab) | 0] as Uint32Array)[(number % leavesPerSlab) * leafWords + 1 + slot] as number;
  }

  /**
   * Leaves in `foundLeaf` and `foundSlot` where the first key at or above that of `place` is. The slot is one past the
   * last of the leaf where that key is the first of the next leaf, or where there is none.
   */
  find(place: number): void {
    const arena = this.#arena;
    const leaf = this.#leafOf(place);
    this.foundLeaf = leaf;
    this.foundSlot = 0;
    if (this.#leafCount === 0) return;
    const number = this.#numbers[leaf] as number;
    const slab = this.#slabs[(number / leavesPerSlab) | 0] as Uint32Array;
    const start = (number % leavesPerSlab) * leafWords + 1;
    let low = start;
    let high = start + (slab[start - 1] as number);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (arena.compare(slab[middle] as number, place) < 0) low = middle + 1;
      else high = middle;
    }
    this.foundSlot = low - start;
  }

  /** The last leaf that starts with no higher key, or 0. */
  #leafOf(place: number): number {
    let first = 1;
    let end = this.#leafCount;
    while (first < end) {
      const middle = (first + end) >>> 1;
      if (this.#arena.compare(this.#heads[middle] as number, place) <= 0) first = middle + 1;
      else end = middle;
    }
    return first - 1;
  }

  /** Inserts a place; ignored where its key is there. */
  insert(place: number): void {
    if (this.#leafCount === 0) {
      this.#append(place, mostPlaces);
      return;
    }
    this.find(place);
    let leaf = this.foundLeaf;
    let slot = this.foundSlot;
    let count = this.countOf(leaf);
    if (slot < count && this.#arena.compare(this.placeAt(leaf, slot), place) === 0) return;
    if (slot === count && leaf === this.#leafCount - 1) {
      this.#append(place, mostPlaces);
      return;
    }
    if (count === mostPlaces) {
      this.#split(leaf);
      count = this.countOf(leaf);
      if (slot > count) {
        leaf += 1;
        slot -= count;
        count = this.countOf(leaf);
      }
    }
    const number = this.#numbers[leaf] as number;
    const slab = this.#slabs[(number / leavesPerSlab) | 0] as Uint32Array;
    const at = (number % leavesPerSlab) * leafWords + 1 + slot;
    slab.copyWithin(at + 1, at, at - slot + count);
    slab[at] = place;
    slab[at - slot - 1] = count + 1;
    this.#size += 1;
  }

  /** These places and `added`, which are sorted, in new leaves. A key of both is kept once. */
  mergedWith(added: SortablePlaces): KeyLeaves {
    const merged = new KeyLeaves(this.#arena);
    let next = 0;
    for (let leaf = 0; leaf < this.#leafCount; leaf += 1) {
      const count = this.countOf(leaf);
      for (let slot = 0; slot < count; slot += 1) {
        const place = this.placeAt(leaf, slot);
        let order = 1;
        while (next < added.length && (order = this.#arena.compare(added.at(next), place)) < 0) {
          merged.#append(added.at(next), placesOfBuiltLeaf);
          next += 1;
        }
        if (order === 0) next += 1;
        merged.#append(place, placesOfBuiltLeaf);
      }
    }
    for (; next < added.length; next += 1) merged.#append(added.at(next), placesOfBuiltLeaf);
    return merged;
  }

  /** Adds a place behind all others, in a new leaf where the last one has `fullCount` places. */
  #append(place: number, fullCount: number): void {
    const last = this.#leafCount - 1;
    const count = last < 0 ? 0 : this.countOf(last);
    if (last < 0 || count >= fullCount) {
      this.#addLeaf(last + 1);
      this.#heads[last + 1] = place;
      this.#write(last + 1, 0, place);
    } else {
      this.#write(last, count, place);
    }
    this.#size += 1;
  }

  /** Sets the last place of a leaf. */
  #write(leaf: number, slot: number, place: number): void {
    const number = this.#numbers[leaf] as number;
    const slab = this.#slabs[(number / leavesPerSlab) | 0] as Uint32Array;
    const start = (number % leavesPerSlab) * leafWords;
    slab[start + 1 + slot] = place;
    slab[start] = slot + 1;
  }

  /** Moves the upper half of a full leaf to a new one behind it. */
  #split(leaf: number): void {
    const kept = mostPlaces >>> 1;
    this.#addLeaf(leaf + 1);
    for (let slot = kept; slot < mostPlaces; slot += 1) this.#write(leaf + 1, slot - kept, this.placeAt(leaf, slot));
    this.#write(leaf, kept - 1, this.placeAt(leaf, kept - 1));
    this.#heads[leaf + 1] = this.placeAt(leaf + 1, 0);
  }

  /** Makes room for a leaf in position `leaf`; its head and places are for the caller to set. */
  #addLeaf(leaf: number): void {
    const number = this.#leafCount;
    if (number % leavesPerSlab === 0) this.#slabs.push(new Uint32Array(leavesPerSlab * leafWords));
    if (number === this.#numbers.length) {
      this.#numbers = doubled(this.#numbers);
      this.#heads = doubled(this.#heads);
    }
    this.#numbers.copyWithin(leaf + 1, leaf, number);
    this.#heads.copyWithin(leaf + 1, leaf, number);
    this.#numbers[leaf] = number;
    this.#leafCount += 1;
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(array.length * 2);
  grown.set(array);
  return grown;
}

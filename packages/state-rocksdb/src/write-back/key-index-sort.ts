import type { KeyArena } from "./key-index-arena.js";

/** In which half of a 64-bit number the machine keeps its low 32 bits. */
const low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const high = 1 - low;
const insertionSortLength = 12;

/**
 * Places to be sorted by their keys. Each place has 4 bytes of its key beside it, as the upper half of a 64-bit
 * number: arrays of these numbers are sorted by the machine's own sort, without calling back.
 */
export class SortablePlaces {
  readonly #numbers: BigUint64Array;
  readonly #halves: Uint32Array;
  readonly #arena: KeyArena;
  #length = 0;
  #hasRepeats = false;
  /** Parts that are still to be sorted: first, end, and the word of their keys to sort by. */
  readonly #parts: number[] = [];

  constructor(arena: KeyArena, capacity: number) {
    this.#arena = arena;
    this.#numbers = new BigUint64Array(capacity);
    this.#halves = new Uint32Array(this.#numbers.buffer);
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#numbers.length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds a place. There must be room for it. */
  push(place: number): void {
    this.#halves[2 * this.#length + low] = place;
    this.#length += 1;
  }

  at(index: number): number {
    return this.#halves[2 * index + low] as number;
  }

  /** Sorts in memcmp order and drops places whose key an earlier one has. */
  sort(): void {
    this.#hasRepeats = false;
    // A stack of its own: keys of 64 KiB may share all but their ends, 16,384 words deep.
    this.#parts.push(0, this.#length, 0);
    while (this.#parts.length > 0) {
      const word = this.#parts.pop() as number;
      const end = this.#parts.pop() as number;
      this.#sortPart(this.#parts.pop() as number, end, word);
    }
    // Comparing all neighbours would cost as much as a part of the sorting, and keys hardly ever repeat.
    if (this.#hasRepeats) this.#dropRepeats();
  }

  /** Sorts a part, whose keys are equal in the words before `word`, by that word; what is equal in it becomes new parts. */
  #sortPart(first: number, end: number, word: number): void {
    if (end - first <= insertionSortLength) {
      this.#insertionSort(first, end, word);
      return;
    }
    const ended = this.#takeEnded(first, end, word);
    if (ended > first) this.#sortEnded(first, ended);
    this.#sortByWords(ended, end);
    const halves = this.#halves;
    for (let runFirst = ended; runFirst < end; ) {
      const value = halves[2 * runFirst + high];
      let runEnd = runFirst + 1;
      while (runEnd < end && halves[2 * runEnd + high] === value) runEnd += 1;
      if (runEnd - runFirst > insertionSortLength) this.#parts.push(runFirst, runEnd, word + 1);
      else if (runEnd - runFirst > 1) this.#insertionSort(runFirst, runEnd, word + 1);
      runFirst = runEnd;
    }
  }

  /** Moves the keys that have no such word to the front and returns where they end; loads the word of the others. */
  #takeEnded(first: number, end: number, word: number): number {
    const halves = this.#halves;
    const { views } = this.#arena;
    let ended = first;
    for (let i = first; i < end; i += 1) {
      const place = halves[2 * i + low] as number;
      const view = views[place >>> 16] as DataView;
      const start = (place & 0xffff) << 2;
      const lengthBytes = view.getUint32(start, true);
      if (lengthBytes > word * 4) {
        halves[2 * i + high] = view.getUint32(start + 4 + word * 4, false);
      } else {
        halves[2 * i + low] = halves[2 * ended + low] as number;
        halves[2 * i + high] = halves[2 * ended + high] as number;
        halves[2 * ended + low] = place;
        ended += 1;
      }
    }
    return ended;
  }

  /** Of keys that are equal in all their words, zeros behind them included, the shorter come first. */
  #sortEnded(first: number, end: number): void {
    const halves = this.#halves;
    for (let i = first; i < end; i += 1) halves[2 * i + high] = this.#arena.lengthOf(halves[2 * i + low] as number);
    this.#sortByWords(first, end);
    for (let i = first + 1; i < end; i += 1) this.#hasRepeats ||= halves[2 * i + high] === halves[2 * i - 2 + high];
  }

  /** Sorts by the upper halves. A word that all keys share, as at the start of most, costs a look only. */
  #sortByWords(first: number, end: number): void {
    const halves = this.#halves;
    const value = halves[2 * first + high];
    let i = first + 1;
    while (i < end && halves[2 * i + high] === value) i += 1;
    if (i < end) this.#numbers.subarray(first, end).sort();
  }

  /** For few: compares whole keys, which are equal in the words before `word`. */
  #insertionSort(first: number, end: number, word: number): void {
    const halves = this.#halves;
    for (let i = first + 1; i < end; i += 1) {
      const place = halves[2 * i + low] as number;
      let to = i;
      for (; to > first; to -= 1) {
        const before = halves[2 * to - 2 + low] as number;
        const order = this.#arena.compare(before, place, word);
        if (order === 0) this.#hasRepeats = true;
        if (order <= 0) break;
        halves[2 * to + low] = before;
      }
      halves[2 * to + low] = place;
    }
  }

  /** Drops all but the first of neighbours with equal keys. */
  #dropRepeats(): void {
    let kept = 1;
    for (let i = 1; i < this.#length; i += 1) {
      const place = this.at(i);
      if (this.#arena.compare(this.at(kept - 1), place) === 0) continue;
      this.#halves[2 * kept + low] = place;
      kept += 1;
    }
    this.#length = kept;
  }
}

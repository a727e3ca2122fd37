import { SeededRandom } from "@tidemark/core/testing";

export const mapEntryCount = 10;
export const listElementCount = 100;

/** Keys and values of all operations; the operation at index i uses the i-th of each, wrapping around. Flink's side makes the same ones. */
export class Workload {
  readonly keyCount: number;
  readonly #checks: number;
  readonly #setUpKeys: Int32Array;
  readonly #newKeys: Int32Array;
  readonly #values: Int32Array;
  readonly #mapKeys: Int32Array;

  /** `checks` bounds checkedKeys(). */
  constructor(keyCount: number, seed: number, checks = Infinity) {
    this.keyCount = keyCount;
    this.#checks = checks;
    const random = new SeededRandom(seed);
    this.#setUpKeys = shuffled(random, keyCount, 0);
    this.#newKeys = shuffled(random, keyCount, keyCount);
    this.#values = shuffled(random, 2 * keyCount, 0);
    this.#mapKeys = shuffled(random, mapEntryCount, 0);
  }

  /** A key that holds something before the first operation: 0 to keyCount - 1. */
  setUpKey(index: number): number {
    return this.#setUpKeys[index % this.keyCount] as number;
  }

  /** A key that holds nothing before: keyCount to 2 * keyCount - 1. */
  newKey(index: number): number {
    return this.#newKeys[index % this.keyCount] as number;
  }

  /** Keys to read back where reading all would take longer than what is measured: of 0 to `count` - 1, evenly spread. */
  *checkedKeys(count: number): Generator<number> {
    const checks = Math.min(count, this.#checks);
    for (let index = 0; index < checks; index += 1) yield Math.floor((index * count) / checks);
  }

  value(index: number): number {
    return this.#values[index % this.#values.length] as number;
  }

  mapKey(index: number): number {
    return this.#mapKeys[index % mapEntryCount] as number;
  }
}

/** What a key holds before the first operation. */
export function setUpValue(key: number): number {
  return key * 7 + 1;
}

export function setUpMapValue(key: number, mapKey: number): number {
  return key * 7 + mapKey;
}

/** The value that putAll gives a map key. */
export function putAllValue(mapKey: number): number {
  return mapKey * 11 + 3;
}

/** The element that addAll adds at a position. */
export function addAllValue(position: number): number {
  return position * 13 + 5;
}

/** The whole numbers from `first` to `first` + `count` - 1 in random order. */
function shuffled(random: SeededRandom, count: number, first: number): Int32Array {
  const numbers = Int32Array.from({ length: count }, (_, index) => first + index);
  for (let index = count - 1; index > 0; index -= 1) {
    const other = random.below(index + 1);
    const swapped = numbers[index] as number;
    numbers[index] = numbers[other] as number;
    numbers[other] = swapped;
  }
  return numbers;
}

/** Length and order-sensitive hash of many lists: enough to compare lists too large to keep twice. */
export class ListDigest {
  readonly #lengths: Int32Array;
  readonly #hashes: Int32Array;

  constructor(lists: number) {
    this.#lengths = new Int32Array(lists);
    this.#hashes = new Int32Array(lists);
  }

  clear(list: number): void {
    this.#lengths[list] = 0;
    this.#hashes[list] = 0;
  }

  append(list: number, element: number): void {
    this.#lengths[list] = (this.#lengths[list] as number) + 1;
    this.#hashes[list] = Math.imul(this.#hashes[list] as number, 31) + element;
  }

  isSame(other: ListDigest, list: number): boolean {
    return this.#lengths[list] === other.#lengths[list] && this.#hashes[list] === other.#hashes[list];
  }
}

/** What came out of a job: how many results, and a checksum of all of them in their order. Flink's side makes the same one. */
export class ResultDigest {
  #count = 0;
  #sum = 0;

  /** Takes a result: two whole numbers that tell it apart. */
  add(first: number, second: number): void {
    this.#count += 1;
    this.#sum = (Math.imul(this.#sum, 961) + Math.imul(first, 31) + second) | 0;
  }

  get count(): number {
    return this.#count;
  }

  /** 32 bits, signed. */
  get sum(): number {
    return this.#sum;
  }
}

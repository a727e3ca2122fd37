/** Longest directory for each segment there is: with hashes that tell keys apart, some 4 cells a segment are enough. */
const cellsPerSegmentMax = 32;

const largestDepth = 28;

/**
 * Extendible hashing: the leading bits of a position lead to a segment. A segment covers one cell or an aligned run of 2^n cells;
 * when it splits, each half gets one half of its run.
 */
export class Directory {
  cells = new Uint32Array(2);
  /** A position's cell is `position >>> shift`. */
  shift = 31;
  #isShared = false;

  constructor(segment: number) {
    this.cells.fill(segment);
  }

  get depth(): number {
    return 32 - this.shift;
  }

  /** The cells as they are now; changes from here on go to a copy. */
  freeze(): Uint32Array {
    this.#isShared = true;
    return this.cells;
  }

  /** Points the run of a segment of `depth` bits at another segment. */
  replace(position: number, depth: number, segment: number): void {
    this.#own();
    const span = 1 << (this.depth - depth);
    const first = this.#firstCell(position, span);
    this.cells.fill(segment, first, first + span);
  }

  /** Points the halves of the run of a segment of `depth` bits at two others. The run has two cells at least. */
  split(position: number, depth: number, low: number, high: number): void {
    this.#own();
    const half = 1 << (this.depth - depth - 1);
    const first = this.#firstCell(position, half * 2);
    this.cells.fill(low, first, first + half);
    this.cells.fill(high, first + half, first + 2 * half);
  }

  /** Makes sure that a segment of `depth` bits has two cells at least. False where that takes too many cells. */
  makeSplittable(depth: number, segments: number): boolean {
    if (depth < this.depth) return true;
    if (this.depth >= largestDepth || this.cells.length * 2 > cellsPerSegmentMax * (segments + 1)) return false;
    const doubled = new Uint32Array(this.cells.length * 2);
    for (let cell = 0; cell < this.cells.length; cell += 1) {
      doubled[cell * 2] = doubled[cell * 2 + 1] = this.cells[cell] as number;
    }
    this.cells = doubled;
    this.shift -= 1;
    this.#isShared = false;
    return true;
  }

  /** The segment at the beginning of the run beside that of a segment of `depth` bits, which must not be 0. */
  buddy(position: number, depth: number): number {
    const span = 1 << (this.depth - depth);
    return this.cells[this.#firstCell(position, span) ^ span] as number;
  }

  #firstCell(position: number, span: number): number {
    return (position >>> this.shift) & ~(span - 1);
  }

  #own(): void {
    if (!this.#isShared) return;
    this.cells = this.cells.slice();
    this.#isShared = false;
  }
}

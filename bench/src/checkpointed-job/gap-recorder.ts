/** Width of a class of the histogram. */
const classMs = 0.01;
const classCount = 1_000_000;

/** Times between two processed records, as long as a window is open. A gap that reaches into a window counts with all of its length. */
export class GapRecorder {
  readonly #classes = new Uint32Array(classCount + 1);
  #gaps = 0;
  #lastMs = Number.NaN;
  #longestMs = 0;
  #isOpen = false;
  #close: ((longestMs: number) => void) | undefined;

  /** Notes that a record was processed. */
  record(nowMs: number): void {
    const gapMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    // The very first record ends no gap; not a number then.
    if (!this.#isOpen || !(gapMs >= 0)) return;
    this.#gaps += 1;
    const gapClass = Math.min(classCount, Math.floor(gapMs / classMs));
    this.#classes[gapClass] = (this.#classes[gapClass] as number) + 1;
    if (gapMs > this.#longestMs) this.#longestMs = gapMs;
    if (this.#close === undefined) return;
    this.#isOpen = false;
    this.#close(this.#longestMs);
    this.#close = undefined;
  }

  /** Opens a window. */
  open(): void {
    if (this.#isOpen) throw new Error("a window of gaps is open already");
    this.#isOpen = true;
    this.#longestMs = 0;
  }

  /** Closes the window behind the next record and resolves with its longest gap in milliseconds. */
  close(): Promise<number> {
    if (!this.#isOpen) throw new Error("no window of gaps is open");
    return new Promise((resolve) => (this.#close = resolve));
  }

  /** The gap that a fraction of all gaps in windows since reset() do not exceed, to 0.01 ms. Throws RangeError for none. */
  percentile(fraction: number): number {
    const wanted = Math.ceil(this.#gaps * fraction);
    if (wanted < 1) throw new RangeError("no gap was recorded");
    let seen = 0;
    let gapClass = 0;
    for (; gapClass < classCount; gapClass += 1) {
      seen += this.#classes[gapClass] as number;
      if (seen >= wanted) break;
    }
    return (gapClass + 1) * classMs;
  }

  /** How many gaps since reset() were at least so long. */
  countFrom(gapMs: number): number {
    return this.#classes.subarray(Math.floor(gapMs / classMs)).reduce((sum, count) => sum + count, 0);
  }

  /** Forgets all gaps. */
  reset(): void {
    this.#classes.fill(0);
    this.#gaps = 0;
  }
}

import { percentile } from "../statistics.js";

/** Durations of every run of `length` updates in a row: the first to the last, the second to the last but one, and so on. */
export class UpdateWindows {
  readonly #length: number;
  /** Times of the last `length` + 1 updates' ends, wrapping around. */
  readonly #endsMs: Float64Array;
  readonly #durationsMs: Float64Array;
  #updates = 0;

  /** Holds all windows of `updates` updates. */
  constructor(length: number, updates: number, startMs: number) {
    if (updates < length) throw new RangeError(`${updates} updates have no ${length} in a row`);
    this.#length = length;
    this.#endsMs = new Float64Array(length + 1);
    this.#endsMs[0] = startMs;
    this.#durationsMs = new Float64Array(updates - length + 1);
  }

  /** Notes that one more update ended. */
  add(nowMs: number): void {
    this.#updates += 1;
    const slot = this.#updates % this.#endsMs.length;
    this.#endsMs[slot] = nowMs;
    if (this.#updates < this.#length) return;
    const first = this.#endsMs[(slot + 1) % this.#endsMs.length] as number;
    this.#durationsMs[this.#updates - this.#length] = nowMs - first;
  }

  /** The duration that 99.9 % of the windows do not exceed, and the longest. Throws RangeError before all updates were added. */
  result(): { readonly p999Ms: number; readonly maxMs: number } {
    if (this.#updates - this.#length + 1 !== this.#durationsMs.length) throw new RangeError("not every update was added");
    return { p999Ms: percentile(this.#durationsMs, 0.999), maxMs: percentile(this.#durationsMs, 1) };
  }
}

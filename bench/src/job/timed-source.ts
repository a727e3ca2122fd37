import type { Source } from "@tidemark/core";

/** When a source gave its first records, and when all that it gave were processed. */
export class RecordTimes {
  readonly #nowMs: () => number;
  #startMs = Number.NaN;
  #endMs = Number.NaN;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** From the first record to the last; not a number before the input has ended. */
  get durationMs(): number {
    return this.#endMs - this.#startMs;
  }

  /** The same source, timed: a batch is asked for when the one before was processed, so that the clock is read twice in all. */
  watch<T>(source: Source<T>): Source<T> {
    return {
      description: source.description,
      open: async (context, position) => {
        const reader = await source.open(context, position);
        return {
          nextBatch: () => {
            if (Number.isNaN(this.#startMs)) this.#startMs = this.#nowMs();
            const batch = reader.nextBatch();
            if (batch instanceof Promise) return batch.then((read) => this.#noteEnd(read));
            return this.#noteEnd(batch);
          },
          position: () => reader.position(),
          close: () => reader.close(),
        };
      },
    };
  }

  #noteEnd<T>(batch: readonly T[] | undefined): readonly T[] | undefined {
    if (batch === undefined) this.#endMs = this.#nowMs();
    return batch;
  }
}

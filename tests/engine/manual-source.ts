import type { Source } from "@tidemark/core";

/**
 * Numbers 0, 1, 2, ... that a test hands out: the job sees as many as were released, and waits for more until end().
 */
export class ManualSource {
  #released = 0;
  #isEnded = false;
  #wake: (() => void) | undefined;

  release(count: number): void {
    this.#released += count;
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  source(): Source<number> {
    const whenMore = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    return {
      description: "numbers by hand",
      open: async ({ signal }, restored) => {
        let next = (restored as number | undefined) ?? 0;
        return {
          nextBatch: async () => {
            while (next >= this.#released && !this.#isEnded && !signal.aborted) await whenMore(signal);
            if (next >= this.#released) return undefined;
            const batch = Array.from({ length: Math.min(10, this.#released - next) }, (_, index) => next + index);
            next += batch.length;
            return batch;
          },
          position: () => next,
          close: async () => this.end(),
        };
      },
    };
  }
}

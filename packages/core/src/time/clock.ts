/** Time as the engine sees it; tests pass one that they move by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels it. Never keeps the process alive by itself. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Node truncates longer delays to 1 ms. */
const longestDelayMs = 2_147_483_647;

/** The machine's clock and timers. */
export const systemClock: Clock = Object.freeze({
  nowMs: () => Date.now(),
  schedule(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), longestDelayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
});

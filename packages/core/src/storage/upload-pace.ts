import { isStateError } from "../errors/index.js";
import { errnoOf } from "./file-errors.js";

/** Time as uploads need it. A Clock of the engine with `now` is one. */
export interface UploadClock {
  /** Milliseconds. */
  now(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export interface UploadPaceOptions {
  /** Without one nothing is retried and no rate is kept. */
  readonly clock?: UploadClock;
  /** Files written at the same time. Default 4. */
  readonly concurrency?: number;
  /** Bytes copied or streamed in a second, over all files; hard links are free. Default: no limit. */
  readonly bytesPerSecond?: number;
}

/** Errors of an overloaded or distant file system that may be gone a moment later. */
const transientErrnos = new Set([
  "EAGAIN", "EBUSY", "EINTR", "EMFILE", "ENFILE", "ENOMEM", "ETIMEDOUT", "ESTALE", "ECONNRESET", "EREMOTEIO", "EIO",
]);
const attempts = 5;
const firstDelayMs = 50;

/** Whether trying again may help. A full disk, a missing right or a damaged file stay as they are. */
export function isTransient(error: unknown): boolean {
  return isStateError(error) && error.code === "IO" && transientErrnos.has(errnoOf(error) ?? "");
}

/** How fast and how often files are put into a checkpoint: a few at a time, at a rate, and again after a passing error. */
export class UploadPace {
  readonly #clock: UploadClock | undefined;
  readonly #bytesPerSecond: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;
  /** When the bytes let through so far are paid for. */
  #paidAtMs = -Infinity;
  #lastNowMs = -Infinity;

  constructor(options: UploadPaceOptions = {}) {
    this.#clock = options.clock;
    this.#bytesPerSecond = options.bytesPerSecond ?? Infinity;
    this.#free = options.concurrency ?? 4;
  }

  /** Runs `action` once fewer than `concurrency` others run. Rejects with the signal's reason while it waits for its turn. */
  async inTurn<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    try {
      return await action();
    } finally {
      // A turn goes from hand to hand, so that nobody who comes meanwhile can take it away from one who waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  /** Waits until `bytes` more may be written. Rejects with the signal's reason. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#clock === undefined || this.#bytesPerSecond === Infinity) return;
    const nowMs = this.#clock.now();
    // What is owed does not grow because somebody set the clock back.
    if (nowMs < this.#lastNowMs) this.#paidAtMs -= this.#lastNowMs - nowMs;
    this.#lastNowMs = nowMs;
    const startMs = Math.max(nowMs, this.#paidAtMs);
    this.#paidAtMs = startMs + (bytes / this.#bytesPerSecond) * 1_000;
    if (startMs > nowMs) await pause(this.#clock, startMs - nowMs, signal);
  }

  /** Tries `action` up to five times, waiting 50, 100, 200 and 400 ms between, as long as `again` says that it may help. */
  async retrying<T>(action: () => Promise<T>, signal?: AbortSignal, again: (error: unknown) => boolean = isTransient): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        return await action();
      } catch (error) {
        if (this.#clock === undefined || attempt === attempts || signal?.aborted === true || !again(error)) throw error;
      }
      await pause(this.#clock, firstDelayMs * 2 ** (attempt - 1), signal);
    }
  }

  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
        reject(signal?.reason as Error);
      };
      const proceed = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting.push(proceed);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

function pause(clock: UploadClock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

import type { GrowingHash } from "./file-system.js";
import type { HashPool } from "./hash-pool.js";
import { HashWorkerUnavailable, type RunningHash } from "./hash-worker.js";

/** What is new is read when it is this much; a shorter file is read at its end. */
const leastReadBytes = 1 << 20;

/** Hashes a file on a thread of the pool while it grows. */
export class GrowingFileHash implements GrowingHash {
  readonly #pool: HashPool;
  readonly #path: string;
  readonly #signal: AbortSignal | undefined;
  readonly #finish: (hash: () => Promise<string>) => Promise<string>;
  #running: RunningHash | undefined;
  #askedBytes = 0;

  /** `finish` does what has to be done about errors of the pool. */
  constructor(
    pool: HashPool,
    path: string,
    signal: AbortSignal | undefined,
    finish: (hash: () => Promise<string>) => Promise<string>,
  ) {
    this.#pool = pool;
    this.#path = path;
    this.#signal = signal;
    this.#finish = finish;
  }

  grown(sizeBytes: number): void {
    if (sizeBytes - this.#askedBytes < leastReadBytes) return;
    this.#askedBytes = sizeBytes;
    try {
      this.#running ??= this.#pool.start(this.#path, this.#signal);
      this.#running.read(sizeBytes);
    } catch (error) {
      if (!(error instanceof HashWorkerUnavailable)) throw error;
      // digest() asks again.
      this.#askedBytes = Infinity;
    }
  }

  digest(): Promise<string> {
    return this.#finish(() => {
      const running = this.#running;
      this.#running = undefined;
      return running?.digest() ?? this.#pool.hash(this.#path, this.#signal);
    });
  }

  cancel(): void {
    this.#running?.cancel();
    this.#running = undefined;
  }
}

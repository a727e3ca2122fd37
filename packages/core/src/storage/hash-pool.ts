import { availableParallelism } from "node:os";
import { HashWorker, type RunningHash } from "./hash-worker.js";

/** One file keeps one thread busy; more than four would only queue at the disk. */
const threadsMax = 4;

/**
 * Computes SHA-256 of several files at the same time, and copies them where asked to, each on a thread of low priority. Threads start when
 * they are needed.
 */
export class HashPool {
  readonly #size: number;
  readonly #workers: HashWorker[] = [];

  constructor(size: number = Math.min(threadsMax, availableParallelism())) {
    this.#size = size;
  }

  /** As HashWorker.hash(). */
  hash(path: string, signal?: AbortSignal): Promise<string> {
    return this.#leastBusy().hash(path, signal);
  }

  /** As HashWorker.copy(). */
  copy(path: string, to: string, signal?: AbortSignal): Promise<string> {
    return this.#leastBusy().copy(path, to, signal);
  }

  /** As HashWorker.start(). */
  start(path: string, signal?: AbortSignal): RunningHash {
    return this.#leastBusy().start(path, signal);
  }

  /** Ends all threads; requests still open are rejected. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.close()));
  }

  #leastBusy(): HashWorker {
    let best: HashWorker | undefined;
    for (const worker of this.#workers) if (best === undefined || worker.openRequests < best.openRequests) best = worker;
    if (best !== undefined && (best.openRequests === 0 || this.#workers.length >= this.#size)) return best;
    const started = new HashWorker();
    this.#workers.push(started);
    return started;
  }
}

import type { Source, SourceReader } from "@tidemark/core";

/** Records in a batch when there is no pace to keep. */
const batchSize = 256;

interface Target {
  readonly count: number;
  readonly resolve: () => void;
}

/**
 * A source that its program steers: a burst as fast as the job takes it, a pace kept by the clock, or nothing. Records are key
 * indices. It holds the job back while it has nothing to give, and does not survive the process.
 */
export class RecordFeed {
  readonly source: Source<number> = { description: "records of a benchmark", open: async () => this.#reader() };
  readonly #nowMs: () => number;
  /** Looks at the clock again: the event loop's next turn, because timers are too coarse for 20,000 records a second. */
  readonly #nextTurn: () => Promise<void>;
  #keyOf: () => number = () => 0;
  #recordsPerSecond = 0;
  #sinceMs = 0;
  /** Given since the pace began. */
  #given = 0;
  /** Where a burst ends; Infinity for a pace. */
  #limit = 0;
  #targets: Target[] = [];
  #wake: (() => void) | undefined;
  #crash: Error | undefined;

  constructor(nowMs: () => number, nextTurn: () => Promise<void>) {
    this.#nowMs = nowMs;
    this.#nextTurn = nextTurn;
  }

  /** Gives `count` records without a pace. Resolves when all of them were processed. */
  async burst(count: number, keyOf: () => number): Promise<void> {
    if (count < 1) return;
    this.#begin(keyOf, 0, count);
    await this.reached(count);
  }

  /** Gives records at a pace until hold(). */
  pace(recordsPerSecond: number, keyOf: () => number): void {
    this.#begin(keyOf, recordsPerSecond, Infinity);
  }

  /** Gives nothing more. Resolves when what was given is processed. */
  async hold(): Promise<void> {
    this.#limit = this.#given;
    await this.reached(this.#given);
  }

  /** Given since burst() or pace(); all but the last batch are processed. */
  get given(): number {
    return this.#given;
  }

  /** Resolves when so many records since burst() or pace() were processed. */
  reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#targets.push({ count, resolve });
      this.#wakeUp();
    });
  }

  /** Makes the job fail, as a crash would: it takes no last checkpoint. */
  crash(error: Error): void {
    this.#crash = error;
    this.#wakeUp();
  }

  /** To be called before the job is started again. */
  restart(): void {
    this.#crash = undefined;
    this.#limit = this.#given;
    this.#targets = [];
  }

  #begin(keyOf: () => number, recordsPerSecond: number, limit: number): void {
    this.#keyOf = keyOf;
    this.#recordsPerSecond = recordsPerSecond;
    this.#sinceMs = this.#nowMs();
    this.#given = 0;
    this.#limit = limit;
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #reader(): SourceReader<number> {
    return {
      nextBatch: () => this.#next(),
      position: () => null,
      close: async () => undefined,
    };
  }

  /** Called when the batch before was processed. */
  #next(): readonly number[] | Promise<readonly number[] | undefined> {
    const batch = this.#take();
    return batch.length > 0 ? batch : this.#wait();
  }

  async #wait(): Promise<readonly number[] | undefined> {
    for (;;) {
      if (this.#given < this.#limit) await this.#nextTurn();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
      const batch = this.#take();
      if (batch.length > 0) return batch;
    }
  }

  #take(): readonly number[] {
    if (this.#crash !== undefined) throw this.#crash;
    if (this.#targets.length > 0) this.#settleTargets();
    const size = Math.min(this.#due(), this.#limit - this.#given, batchSize);
    this.#given += Math.max(0, size);
    const batch: number[] = [];
    for (let record = 0; record < size; record += 1) batch.push(this.#keyOf());
    return batch;
  }

  #due(): number {
    if (this.#recordsPerSecond === 0) return batchSize;
    return Math.floor(((this.#nowMs() - this.#sinceMs) * this.#recordsPerSecond) / 1_000) - this.#given;
  }

  #settleTargets(): void {
    const isReached = ({ count }: Target): boolean => count <= this.#given;
    const reached = this.#targets.filter(isReached);
    if (reached.length === 0) return;
    this.#targets = this.#targets.filter((target) => !isReached(target));
    for (const { resolve } of reached) resolve();
  }
}

import type { JobExecution, Source, SourceReader } from "@tidemark/core";

/** Parts of the input, with a checkpoint after each. */
const parts = 16;
/** Parts that may be read beyond the last checkpoint: 16 / 1.5 makes at least ten of them, however slow the disk. */
const partsAhead = 1.5;
const lookMs = 5;

/**
 * Makes the interval of checkpoints follow the speed of the machine: one each time a part of the input is done. The source waits
 * when it is too far ahead of the last one.
 */
export class CheckpointPace {
  #execution: JobExecution | undefined;
  /** Records in the last checkpoint; in the one the job was restored from, or none, at the start. */
  #protected: number | undefined;
  #resume: (() => void) | undefined;

  /** The same source, held back to the pace. */
  hold<T>(source: Source<T>): Source<T> {
    return {
      description: source.description,
      open: async (context, position) => {
        const reader = await source.open(context, position);
        context.signal.addEventListener("abort", () => this.#resume?.(), { once: true });
        return this.#held(reader, context.signal);
      },
    };
  }

  /** Takes the checkpoints of a running job; the returned function ends that. */
  start(execution: JobExecution): () => void {
    this.#execution = execution;
    let isTaking = false;
    const timer = setInterval(() => {
      const { records, totalRecords } = execution.metrics();
      if (totalRecords === undefined || isTaking || records - (this.#protected ??= records) < totalRecords / parts) return;
      isTaking = true;
      // A failed one is reported by the job's listener, and the job goes on without it.
      void execution
        .triggerCheckpoint()
        .then(
          (report) => report.records,
          () => records,
        )
        .then((protectedRecords) => {
          isTaking = false;
          this.#protected = protectedRecords;
          this.#resume?.();
        });
    }, lookMs);
    return () => {
      clearInterval(timer);
      this.#protected = Infinity;
      this.#resume?.();
    };
  }

  #held<T>(reader: SourceReader<T>, signal: AbortSignal): SourceReader<T> {
    const isAhead = (): boolean => {
      const { records, totalRecords } = this.#execution?.metrics() ?? { records: 0, totalRecords: undefined };
      if (totalRecords === undefined || signal.aborted) return false;
      return records - (this.#protected ??= records) > (totalRecords / parts) * partsAhead;
    };
    const whenCaughtUp = async (): Promise<readonly T[] | undefined> => {
      while (isAhead()) await new Promise<void>((resolve) => (this.#resume = resolve));
      return await reader.nextBatch();
    };
    return {
      ...(reader.totalRecords === undefined ? {} : { totalRecords: reader.totalRecords }),
      nextBatch: () => (isAhead() ? whenCaughtUp() : reader.nextBatch()),
      position: () => reader.position(),
      close: async () => {
        this.#resume?.();
        await reader.close();
      },
    };
  }
}

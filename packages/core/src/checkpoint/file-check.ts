import { isStateError, StateError } from "../errors/index.js";
import type { CheckpointLease, FileReference } from "../storage/index.js";
import type { Clock } from "../time/index.js";

export interface FileCheckParts {
  readonly lease: Pick<CheckpointLease, "verifyFile">;
  readonly clock: Clock;
  /** Bytes read in a second, on average; Infinity for no limit. */
  readonly bytesPerSecond: number;
}

const attempts = 5;
const firstDelayMs = 200;
/** Timers are no finer; what many small files owe is paid together. */
const shortestPauseMs = 1;

/** Reads files of checkpoints back in the background and compares their checksums: one at a time, at a limited rate. */
export class FileCheck {
  readonly #parts: FileCheckParts;
  readonly #abort = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  /** How much sooner than the rate allows it has read so far. */
  #aheadMs = 0;

  constructor(parts: FileCheckParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when every file was read whole, after those asked for before. Rejects with what is wrong with the first that is not
   * (CHECKPOINT_FILE_MISSING, CHECKPOINT_FILE_DAMAGED; `details.name` says which), with IO that did not pass, or DISPOSED after close().
   */
  check(files: readonly FileReference[]): Promise<void> {
    const result = this.#last.then(async () => {
      for (const file of files) await this.#checkOne(file);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Gives up; whoever waits is told. */
  close(): void {
    this.#abort.abort(new StateError("DISPOSED", "the check of checkpoint files was stopped"));
  }

  async #checkOne(file: FileReference): Promise<void> {
    const { clock, bytesPerSecond } = this.#parts;
    const startMs = clock.nowMs();
    await this.#verify(file);
    // A clock that was set back meanwhile took no time.
    const tookMs = Math.max(0, clock.nowMs() - startMs);
    this.#aheadMs = Math.max(0, this.#aheadMs + (file.sizeBytes / bytesPerSecond) * 1_000 - tookMs);
    if (this.#aheadMs < shortestPauseMs) return;
    const pauseMs = this.#aheadMs;
    this.#aheadMs = 0;
    await this.#pause(pauseMs);
  }

  async #verify(file: FileReference): Promise<void> {
    const { signal } = this.#abort;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        await this.#parts.lease.verifyFile(file, "checksums", signal);
        return;
      } catch (error) {
        const isVerdict = isStateError(error) && error.kind === "restore";
        if (isVerdict || attempt === attempts || signal.aborted) throw error;
      }
      await this.#pause(firstDelayMs * 2 ** (attempt - 1));
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#abort;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel();
        reject(signal.reason as Error);
      };
      const cancel = this.#parts.clock.schedule(delayMs, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

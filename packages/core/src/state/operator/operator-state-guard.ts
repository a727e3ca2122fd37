import { StateError } from "../../errors/index.js";

/** What all operator states of a subtask share: whether they are open, and how much they hold. */
export class OperatorStateGuard {
  readonly #maxBytes: number;
  #isClosed = false;
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Throws DISPOSED once closed. */
  requireOpen(): void {
    if (this.#isClosed) throw new StateError("DISPOSED", "this operator state is closed; open a new one");
  }

  /** Called before a change: NO_MEMORY when the states would hold too much after it. */
  change(removedBytes: number, addedBytes: number): void {
    this.requireOpen();
    const sizeBytes = this.#sizeBytes - removedBytes + addedBytes;
    // What was restored under a higher limit may still shrink.
    if (sizeBytes > this.#maxBytes && addedBytes > removedBytes) {
      throw new StateError(
        "NO_MEMORY",
        `operator state would take ${sizeBytes} bytes and its limit is ${this.#maxBytes}; ` +
          "keep large state in keyed state or raise maxBytes",
        { details: { sizeBytes, maxBytes: this.#maxBytes } },
      );
    }
    this.#sizeBytes = sizeBytes;
  }

  /** What a restore brought counts, whatever the limit is now. */
  restored(addedBytes: number): void {
    this.#sizeBytes += addedBytes;
  }

  close(): void {
    this.#isClosed = true;
  }
}

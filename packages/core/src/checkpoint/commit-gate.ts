/**
 * Lets sinks commit, or holds that back until what the job was restored from is known to be whole (rule 18). Commits run one after
 * the other; of those held back only the newest counts, since it includes the others.
 */
export class CommitGate {
  readonly #commit: (checkpointId: number) => Promise<void>;
  #isOpen: boolean;
  #withheld: number | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(isOpen: boolean, commit: (checkpointId: number) => Promise<void>) {
    this.#isOpen = isOpen;
    this.#commit = commit;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when the sinks have committed or the commit is held back. Rejects with what a sink threw. */
  async commit(checkpointId: number): Promise<void> {
    if (!this.#isOpen) {
      this.#withheld = checkpointId;
      return;
    }
    const result = this.#last.then(() => this.#commit(checkpointId));
    this.#last = result.catch(() => undefined);
    await result;
  }

  /** Makes up for what was held back. Rejects with what a sink threw. */
  async open(): Promise<void> {
    this.#isOpen = true;
    const id = this.#withheld;
    this.#withheld = undefined;
    if (id !== undefined) await this.commit(id);
  }
}

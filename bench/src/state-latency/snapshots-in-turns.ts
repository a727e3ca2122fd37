import type { CheckpointedState, StartedSnapshot } from "../state/checkpointed-state.js";

/** Takes one snapshot after the other while records are processed: each is fixed between two records and written beside them. */
export class SnapshotsInTurns {
  readonly #state: CheckpointedState<number>;
  #ready: { readonly fix: () => Promise<StartedSnapshot> } | undefined;
  #background: Promise<void>;
  #error: unknown;
  #completed = 0;

  private constructor(state: CheckpointedState<number>) {
    this.#state = state;
    this.#background = this.#prepare();
  }

  static async start(state: CheckpointedState<number>): Promise<SnapshotsInTurns> {
    const snapshots = new SnapshotsInTurns(state);
    await snapshots.#background;
    return snapshots;
  }

  get completed(): number {
    return this.#completed;
  }

  /** To be awaited between two records: fixes the next snapshot when the last one is complete, then lets it and others have a turn. */
  async turn(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    const ready = this.#ready;
    if (ready !== undefined) {
      this.#ready = undefined;
      const snapshot = await ready.fix();
      this.#background = this.#finish(snapshot);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Waits for the snapshot under way. */
  async end(): Promise<void> {
    await this.#background;
    if (this.#error !== undefined) throw this.#error;
  }

  async #finish(snapshot: StartedSnapshot): Promise<void> {
    try {
      await snapshot.complete();
      this.#completed += 1;
      await this.#prepare();
    } catch (error) {
      this.#error = error;
    }
  }

  async #prepare(): Promise<void> {
    this.#ready = await this.#state.begin();
  }
}

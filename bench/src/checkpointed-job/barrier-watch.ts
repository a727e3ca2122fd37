import type { KeyedStateBackend, KeyedStateContext, StateBackend } from "@tidemark/core/state";

/** Times what a barrier costs the record path: from its start until records may flow again. */
export class BarrierWatch {
  readonly #nowMs: () => number;
  readonly #atBarrier: () => void;
  #lastPauseMs = Number.NaN;

  /** `atBarrier` is called between the last record of a checkpoint and the first behind it. */
  constructor(nowMs: () => number, atBarrier: () => void) {
    this.#nowMs = nowMs;
    this.#atBarrier = atBarrier;
  }

  /** Of the last barrier; not a number before the first. */
  get lastPauseMs(): number {
    return this.#lastPauseMs;
  }

  /** The same backend, watched. */
  watch(backend: StateBackend): StateBackend {
    return {
      ...backend,
      open: async <K>(context: KeyedStateContext<K>): Promise<KeyedStateBackend<K>> => {
        const keyed = await backend.open(context);
        const snapshot = keyed.snapshot.bind(keyed);
        keyed.snapshot = async (checkpointId, files, signal) => {
          this.#atBarrier();
          const startMs = this.#nowMs();
          const started = await snapshot(checkpointId, files, signal);
          this.#lastPauseMs = this.#nowMs() - startMs;
          return started;
        };
        return keyed;
      },
    };
  }
}

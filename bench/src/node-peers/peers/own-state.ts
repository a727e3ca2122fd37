import { bytes, string, type ValueState, valueState } from "@tidemark/core/state";
import { CheckpointedState } from "../../state/checkpointed-state.js";
import { describeBuild, ownSystem } from "../../state/own-systems.js";
import { increment, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";

const descriptor = valueState("value", bytes());

/**
 * One of our backends with its defaults, without a job: value state of bytes by text keys. A snapshot is a checkpoint, from its barrier
 * until its manifest is published; the first has everything, later ones what changed. It is crash consistent and is restored from.
 */
export function ownState(system: string): NodeStoreKind {
  return {
    open: async ({ directory }) => new OwnState(system, await openState(system, directory)),
    async readSnapshot({ directory }, visit) {
      const state = await openState(system, directory);
      const values = state.keyed.getState(descriptor);
      try {
        for (const key of state.keyed.keys(descriptor)) {
          state.keyed.setCurrentKey(key);
          visit(key, values.value() ?? new Uint8Array());
        }
      } finally {
        await state.close();
      }
    },
  };
}

/** From its newest checkpoint, if there is one. */
async function openState(system: string, directory: string): Promise<CheckpointedState<string>> {
  return await CheckpointedState.open(ownSystem(system).backend(directory), directory, string(), () => performance.now());
}

class OwnState implements NodeStore {
  readonly build: string;
  readonly #state: CheckpointedState<string>;
  readonly #values: ValueState<Uint8Array>;

  constructor(system: string, state: CheckpointedState<string>) {
    this.build = describeBuild(system);
    this.#state = state;
    this.#values = state.keyed.getState(descriptor);
  }

  put(keys: readonly string[], values: readonly Buffer[]): void {
    for (const [index, key] of keys.entries()) {
      this.#state.keyed.setCurrentKey(key);
      this.#values.update(values[index] as Buffer);
    }
  }

  get(keys: readonly string[], visit: Visit): void {
    const { keyed } = this.#state;
    for (let index = 0; index < keys.length; index += 1) {
      keyed.setCurrentKey(keys[index] as string);
      visit(this.#values.value(), index);
    }
  }

  /** There is nothing to gain from many at once. */
  getBatch(keys: readonly string[], visit: Visit): void {
    this.get(keys, visit);
  }

  readModifyWrite(keys: readonly string[]): void {
    const { keyed } = this.#state;
    for (const key of keys) {
      keyed.setCurrentKey(key);
      const value = this.#values.value();
      // What value() gave is not to be changed.
      this.#values.update(increment(value && Buffer.from(value), key));
    }
  }

  readModifyWriteBatch(keys: readonly string[]): void {
    this.readModifyWrite(keys);
  }

  async snapshot(): Promise<void> {
    const checkpoint = await this.#state.begin();
    const snapshot = await checkpoint.fix();
    await snapshot.complete();
  }

  async close(): Promise<void> {
    await this.#state.close();
  }
}

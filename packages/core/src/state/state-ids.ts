import { StateError } from "../errors/index.js";
import type { OperatorStateIds } from "../storage/index.js";
import { highestUserStateId } from "./state-registry.js";

/**
 * Gives the states of one operator their ids. All subtasks share one, so that a state has the same id in each of them, whatever order
 * they declare their states in (rule 10).
 */
export interface StateIdAllocator {
  /** The id of a state; a new one when the name is new. Throws INVALID_ARGUMENT when an operator has had too many states. */
  idOf(name: string): number;
  /** Above every id given so far. */
  readonly nextId: number;
  /**
   * Takes over ids that stored state carries, and that all below `nextId` were given. Throws CHECKPOINT_DAMAGED when they contradict
   * each other or what was given before.
   */
  adopt(states: readonly { readonly id: number; readonly name: string }[], nextId: number): void;
}

/** The ids of one operator's states, kept by its job and stored in every checkpoint. */
export class OperatorStateIdRegistry implements StateIdAllocator {
  readonly #operator: string;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #retired: ReadonlySet<number>;
  #nextId: number;

  /** Throws CHECKPOINT_DAMAGED when what a checkpoint says contradicts itself. */
  constructor(operator: string, stored?: OperatorStateIds) {
    this.#operator = operator;
    this.#retired = new Set(stored?.retired);
    this.#nextId = stored?.nextId ?? 1;
    if (stored !== undefined) this.adopt(stored.states, stored.nextId);
  }

  get nextId(): number {
    return this.#nextId;
  }

  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#nextId > highestUserStateId) {
      throw new StateError("INVALID_ARGUMENT", `an operator can have at most ${highestUserStateId} states in its life`);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#ids.set(name, id);
    this.#names.set(id, name);
    return id;
  }

  adopt(states: readonly { readonly id: number; readonly name: string }[], nextId: number): void {
    for (const { id, name } of states) {
      if (this.#retired.has(id)) throw this.#disagreement(`state "${name}" has id ${id}, which was retired`);
      const otherId = this.#ids.get(name) ?? id;
      if (otherId !== id) throw this.#disagreement(`state "${name}" has the ids ${otherId} and ${id}`);
      const otherName = this.#names.get(id) ?? name;
      if (otherName !== name) throw this.#disagreement(`the states "${otherName}" and "${name}" share id ${id}`);
    }
    for (const { id, name } of states) {
      this.#ids.set(name, id);
      this.#names.set(id, name);
    }
    this.#nextId = Math.max(this.#nextId, nextId, ...states.map(({ id }) => id + 1));
  }

  /** For the manifest: ids that were given and belong to no known state are retired. */
  describe(): OperatorStateIds {
    const states = [...this.#names].map(([id, name]) => ({ id, name })).sort((left, right) => left.id - right.id);
    const retired: number[] = [];
    for (let id = 1; id < this.#nextId; id += 1) if (!this.#names.has(id)) retired.push(id);
    return { nextId: this.#nextId, states, retired };
  }

  #disagreement(what: string): StateError {
    return new StateError(
      "CHECKPOINT_DAMAGED",
      `the checkpoint does not agree about the states of operator "${this.#operator}": ${what}; restore another checkpoint`,
      { details: { operator: this.#operator } },
    );
  }
}

import { WrongResultError } from "../question.js";
import { indexIn, type Records } from "./records.js";

/** Compares a snapshot with the model: every key once, with the value that it had when the snapshot began. */
export class SnapshotCheck {
  readonly #records: Records;
  readonly #counts: Uint32Array;
  readonly #seen: Uint8Array;
  #found = 0;

  /** The model as it is now is what the snapshot must be. */
  constructor(records: Records) {
    this.#records = records;
    this.#counts = records.counts();
    this.#seen = new Uint8Array(records.keyCount);
  }

  /** Takes an entry of the snapshot. Throws WrongResultError. */
  visit(key: string, value: Uint8Array): void {
    const index = indexIn(value);
    if (!(index < this.#records.keyCount) || this.#records.keyOf(index) !== key) {
      throw new WrongResultError(`the snapshot has the value of another key under ${key}`);
    }
    if (this.#seen[index] === 1) throw new WrongResultError(`the snapshot has key ${key} twice`);
    if (!this.#records.holds(index, value, this.#counts)) throw new WrongResultError(`the snapshot has another value for key ${key}`);
    this.#seen[index] = 1;
    this.#found += 1;
  }

  /** Returns the entries compared. Throws WrongResultError when one is missing. */
  end(): number {
    if (this.#found !== this.#records.keyCount) {
      throw new WrongResultError(`the snapshot has ${this.#found} of ${this.#records.keyCount} keys`);
    }
    return this.#found;
  }
}

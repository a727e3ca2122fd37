import { RocksDBError } from "./errors.js";

/** A consistent view of a database, made by `Database.takeSnapshot`. Release it: it keeps old versions of keys alive. */
export class Snapshot {
  readonly #owner: object;
  readonly #handle: number;
  readonly #release: () => void;
  #isReleased = false;

  constructor(owner: object, handle: number, release: () => void) {
    this.#owner = owner;
    this.#handle = handle;
    this.#release = release;
  }

  /** The database's number for it; throws INVALID_ARGUMENT for another database, DISPOSED after `release`. */
  handleFor(database: object): number {
    if (database !== this.#owner) throw new RocksDBError("INVALID_ARGUMENT", "the snapshot belongs to another database");
    if (this.#isReleased) throw new RocksDBError("DISPOSED", "the snapshot was released");
    return this.#handle;
  }

  /** May be called again, and after the database was closed; does nothing then. Iterators opened at it stay valid. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#release();
  }
}

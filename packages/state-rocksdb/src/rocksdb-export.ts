import type { Database, DatabaseIterator } from "@tidemark/rocksdb";
import { ByteReader, type EntryConsumer, type KeyGroupRange, type StateExport, StateError } from "@tidemark/core/state";
import type { Json } from "@tidemark/core/storage";
import { asStateError } from "./errors.js";
import { keyGroupBounds } from "./key-group-copy.js";

/** Steps for which the drain before the first entry is waited for by pausing; some hundred milliseconds. */
const waitingStepsMax = 100_000;

/** All entries of a column family as they were when this was made. Lists come whole: the iterator combines what was appended. */
export class RocksDBExport implements StateExport {
  readonly states: Json;
  readonly #database: Database;
  readonly #columnFamily: number;
  readonly #bounds: { readonly lower: Uint8Array; readonly upper: Uint8Array };
  readonly #wait: () => boolean;
  #iterator: DatabaseIterator | undefined;
  #failure: unknown;
  #isClosed = false;

  /** `wait` blocks until a drain ended; false where none is under way. */
  constructor(database: Database, columnFamily: number, keyGroups: KeyGroupRange, states: Json, wait: () => boolean) {
    this.#bounds = keyGroupBounds(keyGroups);
    this.#wait = wait;
    this.#database = database;
    this.#columnFamily = columnFamily;
    this.states = states;
  }

  /** To be called when the column family holds all that is to be exported and nothing later. */
  begin(): void {
    // What a savepoint reads once must not push out of the cache what records need.
    if (!this.#isClosed) this.#iterator = this.#database.iterator(this.#columnFamily, { ...this.#bounds, fillCache: false });
  }

  fail(cause: unknown): void {
    this.#failure = cause;
  }

  *entries(visit: EntryConsumer): Generator<void, void, undefined> {
    const key = new ByteReader();
    const value = new ByteReader();
    let waitingSteps = 0;
    for (;;) {
      const iterator = this.#iterator;
      if (iterator === undefined) {
        this.#requireGoingOn();
        waitingSteps += 1;
        // Who never pauses would never let the drain report.
        if (waitingSteps > waitingStepsMax) this.#wait();
        yield;
        continue;
      }
      if (!advance(iterator)) return;
      key.reset(iterator.buffer, iterator.keyStart, iterator.keyEnd);
      value.reset(iterator.buffer, iterator.valueStart, iterator.valueEnd);
      visit(key, value);
      yield;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#iterator?.close();
  }

  #requireGoingOn(): void {
    if (this.#isClosed) throw new StateError("DISPOSED", "the export was closed before it was read to its end");
    if (this.#failure === undefined) return;
    const message = "the state cannot be exported: earlier changes cannot be written to RocksDB; see the cause";
    throw new StateError("CHECKPOINT_DECLINED", message, { cause: this.#failure });
  }
}

function advance(iterator: DatabaseIterator): boolean {
  try {
    return iterator.next();
  } catch (error) {
    throw asStateError(error);
  }
}

import { join } from "node:path";
import { increment, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { describePeer, loadPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";

/** What is used of the package. */
interface Database {
  /** In memory that the next read overwrites. */
  getBinaryFast(key: string): Uint8Array | undefined;
  getBinary(key: string): Buffer | undefined;
  putSync(key: string, value: Buffer): void;
  transactionSync(body: () => void, flags: number): void;
  getRange(): Iterable<{ readonly key: string; readonly value: Buffer }>;
  backup(path: string, isCompact: boolean): Promise<void>;
  close(): Promise<void>;
}

interface Package {
  open(options: object): Database;
}

/** TransactionFlags.SYNCHRONOUS_COMMIT without ABORTABLE, as a single putSync() has it. */
const synchronousCommit = 2;
/** Larger transactions are slower: LMDB keeps the pages that one has changed in a sorted list. */
const keysInTransaction = 500;
/** Written in place and not flushed for each transaction: as with us, what counts after a crash is the snapshot. */
const fastest = { encoding: "binary", useWritemap: true, noSync: true, overlappingSync: false };

/**
 * The package lmdb: a tree in a mapped file, read and written synchronously. Writes are in transactions, which see their own writes. A
 * snapshot is its own backup(), which is consistent, in a file that can be opened as it is.
 */
export const lmdb: NodeStoreKind = {
  async open({ directory }) {
    const { open } = await loadPeer<Package>("lmdb");
    const database = open({ path: join(directory, "database.mdb"), ...fastest });
    return new LmdbStore(database, join(directory, "snapshot.mdb"));
  },
  async readSnapshot({ directory }, visit) {
    const { open } = await loadPeer<Package>("lmdb");
    const database = open({ path: join(directory, "snapshot.mdb"), encoding: "binary", readOnly: true });
    try {
      for (const { key, value } of database.getRange()) visit(key, value);
    } finally {
      await database.close();
    }
  },
};

class LmdbStore implements NodeStore {
  readonly build = describePeer("lmdb");
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  put(keys: readonly string[], values: readonly Buffer[]): void {
    this.#database.transactionSync(() => {
      for (const [index, key] of keys.entries()) this.#database.putSync(key, values[index] as Buffer);
    }, synchronousCommit);
  }

  get(keys: readonly string[], visit: Visit): void {
    for (let index = 0; index < keys.length; index += 1) visit(this.#database.getBinaryFast(keys[index] as string), index);
  }

  getBatch(keys: readonly string[], visit: Visit): void {
    this.get(keys, visit);
  }

  readModifyWrite(keys: readonly string[]): void {
    for (let from = 0; from < keys.length; from += keysInTransaction) {
      this.#database.transactionSync(() => {
        for (const key of keys.slice(from, from + keysInTransaction)) {
          this.#database.putSync(key, increment(this.#database.getBinary(key), key));
        }
      }, synchronousCommit);
    }
  }

  readModifyWriteBatch(keys: readonly string[]): void {
    this.readModifyWrite(keys);
  }

  async snapshot(): Promise<void> {
    await publishFile(this.#path, (temporary) => this.#database.backup(temporary, false));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

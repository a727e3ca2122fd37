import { join } from "node:path";
import { increment, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { describePeer, loadPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";

interface Statement {
  pluck(): Statement;
  get(key: string): unknown;
  run(key: string, value: Buffer): unknown;
  iterate(): Iterable<unknown>;
}

/** What is used of the package. */
interface Database {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): Statement;
  backup(path: string, options: { progress: () => number }): Promise<unknown>;
  close(): unknown;
}

type Package = new (path: string) => Database;

/** A backup copies so many pages before it lets the program go on. */
const pagesAtOnce = 16_384;

/**
 * The package better-sqlite3: SQLite, synchronous, with prepared statements, a write-ahead log and synchronous = normal. Writes are in a
 * transaction for each call here. A snapshot is its own backup(), which is consistent, in a database that can be opened as it is.
 */
export const betterSqlite3: NodeStoreKind = {
  async open({ directory, memoryBytes }) {
    const Database = await loadPeer<Package>("better-sqlite3");
    const database = new Database(join(directory, "database.sqlite"));
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = NORMAL");
    // Negative: in KiB.
    database.pragma(`cache_size = -${Math.floor(memoryBytes / 1024)}`);
    database.exec("CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
    return new SqliteStore(database, join(directory, "snapshot.sqlite"));
  },
  async readSnapshot({ directory }, visit) {
    const Database = await loadPeer<Package>("better-sqlite3");
    const database = new Database(join(directory, "snapshot.sqlite"));
    try {
      for (const row of database.prepare("SELECT key, value FROM state").iterate()) {
        const { key, value } = row as { key: string; value: Buffer };
        visit(key, value);
      }
    } finally {
      database.close();
    }
  },
};

class SqliteStore implements NodeStore {
  readonly build = describePeer("better-sqlite3");
  readonly #database: Database;
  readonly #path: string;
  readonly #select: Statement;
  readonly #upsert: Statement;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
    this.#select = database.prepare("SELECT value FROM state WHERE key = ?").pluck();
    this.#upsert = database.prepare("INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  }

  put(keys: readonly string[], values: readonly Buffer[]): void {
    this.#inTransaction(() => {
      for (const [index, key] of keys.entries()) this.#upsert.run(key, values[index] as Buffer);
    });
  }

  /** In a transaction too: otherwise every statement is one of its own. */
  get(keys: readonly string[], visit: Visit): void {
    this.#inTransaction(() => {
      for (let index = 0; index < keys.length; index += 1) visit(this.#read(keys[index] as string), index);
    });
  }

  getBatch(keys: readonly string[], visit: Visit): void {
    this.get(keys, visit);
  }

  readModifyWrite(keys: readonly string[]): void {
    this.#inTransaction(() => {
      for (const key of keys) this.#upsert.run(key, increment(this.#read(key), key));
    });
  }

  readModifyWriteBatch(keys: readonly string[]): void {
    this.readModifyWrite(keys);
  }

  async snapshot(): Promise<void> {
    await publishFile(this.#path, async (temporary) => {
      await this.#database.backup(temporary, { progress: () => pagesAtOnce });
    });
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #read(key: string): Buffer | undefined {
    return this.#select.get(key) as Buffer | undefined;
  }

  #inTransaction(body: () => void): void {
    this.#database.exec("BEGIN");
    try {
      body();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

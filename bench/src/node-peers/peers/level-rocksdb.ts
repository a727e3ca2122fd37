import { join } from "node:path";
import { EntryFileWriter, readEntryFile } from "../entry-file.js";
import { increment, incrementAll, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { describePeer, loadPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";
import { type CallbackIterator, writeEntries } from "./callback-entries.js";
import { levelOptions } from "./rocksdb.js";

/** What is used of the package. */
interface Database {
  open(): Promise<void>;
  get(key: string): Promise<Buffer>;
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  put(key: string, value: Buffer): Promise<void>;
  batch(operations: readonly object[]): Promise<void>;
  iterator(options: object): CallbackIterator;
  close(): Promise<void>;
}

/**
 * The package level-rocksdb: the package rocksdb behind the promises and encodings of levelup. As there, a consistent copy is made by hand.
 */
export const levelRocksdb: NodeStoreKind = {
  async open(options) {
    const create = await loadPeer<(location: string, options: object) => Database>("level-rocksdb");
    const encodings = { keyEncoding: "utf8", valueEncoding: "binary" };
    const database = create(join(options.directory, "database"), { ...encodings, ...levelOptions(options) });
    await database.open();
    return new LevelRocksdbStore(database, join(options.directory, "snapshot"));
  },
  readSnapshot: async ({ directory }, visit) => readEntryFile(join(directory, "snapshot"), visit),
};

class LevelRocksdbStore implements NodeStore {
  readonly build = describePeer("level-rocksdb");
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  async put(keys: readonly string[], values: readonly Buffer[]): Promise<void> {
    await this.#database.batch(keys.map((key, index) => ({ type: "put", key, value: values[index] })));
  }

  async get(keys: readonly string[], visit: Visit): Promise<void> {
    for (let index = 0; index < keys.length; index += 1) visit(await this.#database.get(keys[index] as string), index);
  }

  async getBatch(keys: readonly string[], visit: Visit): Promise<void> {
    for (const [index, value] of (await this.#database.getMany(keys)).entries()) visit(value, index);
  }

  async readModifyWrite(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#database.put(key, increment(await this.#database.get(key), key));
  }

  async readModifyWriteBatch(keys: readonly string[]): Promise<void> {
    const changed = incrementAll(keys, await this.#database.getMany(keys));
    await this.#database.batch(Array.from(changed, ([key, value]) => ({ type: "put", key, value })));
  }

  async snapshot(): Promise<void> {
    const iterator = this.#database.iterator({ highWaterMark: 2 ** 20, keyEncoding: "binary" });
    await publishFile(this.#path, (temporary) => writeEntries(iterator, new EntryFileWriter(temporary)));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

import { join } from "node:path";
import { promisify } from "node:util";
import { EntryFileWriter, readEntryFile } from "../entry-file.js";
import { increment, incrementAll, type NodeStore, type NodeStoreKind, type StoreOptions, type Visit } from "../node-store.js";
import { describePeer, loadPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";
import { type CallbackIterator, writeEntries } from "./callback-entries.js";

type Callback<T> = (error?: Error | null, result?: T) => void;
interface Put {
  readonly type: "put";
  readonly key: string;
  readonly value: Buffer;
}

/** What is used of the package. */
interface Database {
  open(options: object, callback: Callback<void>): void;
  get(key: string, callback: Callback<Buffer>): void;
  getMany(keys: readonly string[], callback: Callback<(Buffer | undefined)[]>): void;
  put(key: string, value: Buffer, callback: Callback<void>): void;
  batch(operations: readonly Put[], callback: Callback<void>): void;
  iterator(options: object): CallbackIterator;
  close(callback: Callback<void>): void;
}

/**
 * The package rocksdb: RocksDB behind asynchronous calls, each of which visits a thread of Node's pool. It has a log of its own and is
 * whole after a crash of the process, but offers no checkpoint of RocksDB's: a copy is made by hand, from an iterator, which is
 * consistent, to a file.
 */
export const rocksdb: NodeStoreKind = {
  async open(options) {
    const create = await loadPeer<(location: string) => Database>("rocksdb");
    const database = create(join(options.directory, "database"));
    await promisify<object, void>((settings, done) => database.open(settings, done))(levelOptions(options));
    return new RocksdbStore(database, join(options.directory, "snapshot"));
  },
  readSnapshot: async ({ directory }, visit) => readEntryFile(join(directory, "snapshot"), visit),
};

/** Half of the memory is cache; of write buffers there can be one that is filled and one that is written out. */
export function levelOptions({ memoryBytes }: StoreOptions): { cacheSize: number; writeBufferSize: number } {
  return { cacheSize: Math.floor(memoryBytes / 2), writeBufferSize: Math.floor(memoryBytes / 4) };
}

class RocksdbStore implements NodeStore {
  readonly build = describePeer("rocksdb");
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  async put(keys: readonly string[], values: readonly Buffer[]): Promise<void> {
    await this.#batch(keys.map((key, index) => ({ type: "put", key, value: values[index] as Buffer })));
  }

  async get(keys: readonly string[], visit: Visit): Promise<void> {
    for (let index = 0; index < keys.length; index += 1) visit(await this.#get(keys[index] as string), index);
  }

  async getBatch(keys: readonly string[], visit: Visit): Promise<void> {
    for (const [index, value] of (await this.#getMany(keys)).entries()) visit(value, index);
  }

  async readModifyWrite(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const value = increment(await this.#get(key), key);
      await new Promise<void>((resolve, reject) => this.#database.put(key, value, (error) => (error ? reject(error) : resolve())));
    }
  }

  async readModifyWriteBatch(keys: readonly string[]): Promise<void> {
    const changed = incrementAll(keys, await this.#getMany(keys));
    await this.#batch(Array.from(changed, ([key, value]) => ({ type: "put", key, value })));
  }

  async snapshot(): Promise<void> {
    const iterator = this.#database.iterator({ highWaterMark: 2 ** 20 });
    await publishFile(this.#path, (temporary) => writeEntries(iterator, new EntryFileWriter(temporary)));
  }

  async close(): Promise<void> {
    await promisify<void>((done) => this.#database.close(done))();
  }

  /** Undefined for a key that is not there: then the package gives an error. */
  #get(key: string): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) =>
      this.#database.get(key, (error, value) => (error && !/notfound/iu.test(error.message) ? reject(error) : resolve(value))),
    );
  }

  #getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return new Promise((resolve, reject) =>
      this.#database.getMany(keys, (error, values) => (error ? reject(error) : resolve(values ?? []))),
    );
  }

  #batch(operations: readonly Put[]): Promise<void> {
    return new Promise((resolve, reject) => this.#database.batch(operations, (error) => (error ? reject(error) : resolve())));
  }
}

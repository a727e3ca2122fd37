import { join } from "node:path";
import { loadPeer } from "../peer-package.js";
import { entryStoreKind } from "./entry-store.js";
import { type CallbackIterator, levelOptions, type LevelPut, levelPuts, writeEntries } from "./level-entries.js";

type Callback<T> = (error?: Error | null, result?: T) => void;

/** What is used of the package. */
interface Database {
  open(options: object, callback: Callback<void>): void;
  get(key: string, callback: Callback<Buffer>): void;
  getMany(keys: readonly string[], callback: Callback<(Buffer | undefined)[]>): void;
  put(key: string, value: Uint8Array, callback: Callback<void>): void;
  batch(operations: readonly LevelPut[], callback: Callback<void>): void;
  iterator(options: object): CallbackIterator;
  close(callback: Callback<void>): void;
}

/**
 * The package rocksdb: RocksDB behind asynchronous calls, each of which visits a thread of Node's pool. It has a log of its own and is
 * whole after a crash of the process, but offers no checkpoint of RocksDB's: a copy is made by hand, from an iterator, which is
 * consistent, to a file.
 */
export const rocksdb = entryStoreKind("rocksdb", async (options) => {
  const create = await loadPeer<(location: string) => Database>("rocksdb");
  const database = create(join(options.directory, "database"));
  await called<void>((done) => database.open(levelOptions(options), done));
  return {
    get: (key) =>
      new Promise((resolve, reject) =>
        // A key that is not there is an error of the package.
        database.get(key, (error, value) => (error && !/notfound/iu.test(error.message) ? reject(error) : resolve(value))),
      ),
    getMany: async (keys) => (await called<(Buffer | undefined)[]>((done) => database.getMany(keys, done))) ?? [],
    put: (key, value) => called((done) => database.put(key, value, done)),
    write: (entries) => called((done) => database.batch(levelPuts(entries), done)),
    writeSnapshot: (writer) => writeEntries(database.iterator({ highWaterMark: 2 ** 20 }), writer),
    close: () => called((done) => database.close(done)),
  };
});

/** Not promisify(), which costs more a call. */
function called<T>(call: (done: Callback<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
}

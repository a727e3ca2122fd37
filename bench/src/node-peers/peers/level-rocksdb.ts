import { join } from "node:path";
import { loadPeer } from "../peer-package.js";
import { entryStoreKind } from "./entry-store.js";
import { type CallbackIterator, levelOptions, levelPuts, writeEntries } from "./level-entries.js";

/** What is used of the package. */
interface Database {
  open(): Promise<void>;
  get(key: string): Promise<Buffer>;
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  put(key: string, value: Uint8Array): Promise<void>;
  batch(operations: readonly object[]): Promise<void>;
  iterator(options: object): CallbackIterator;
  close(): Promise<void>;
}

/**
 * The package level-rocksdb: the package rocksdb behind the promises and encodings of levelup. As there, a consistent copy is made by hand.
 */
export const levelRocksdb = entryStoreKind("level-rocksdb", async (options) => {
  const create = await loadPeer<(location: string, options: object) => Database>("level-rocksdb");
  const encodings = { keyEncoding: "utf8", valueEncoding: "binary" };
  const database = create(join(options.directory, "database"), { ...encodings, ...levelOptions(options) });
  await database.open();
  return {
    get: (key) => database.get(key),
    getMany: (keys) => database.getMany(keys),
    put: (key, value) => database.put(key, value),
    write: (entries) => database.batch(levelPuts(entries)),
    writeSnapshot: (writer) => writeEntries(database.iterator({ highWaterMark: 2 ** 20, keyEncoding: "binary" }), writer),
    close: () => database.close(),
  };
});

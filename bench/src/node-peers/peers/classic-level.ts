import { join } from "node:path";
import { increment, type Visit } from "../node-store.js";
import { loadPeer } from "../peer-package.js";
import { entryStoreKind } from "./entry-store.js";
import { levelOptions, levelPuts } from "./level-entries.js";

const entriesAtOnce = 1_000;

/** What is used of the package. */
interface Database {
  open(): Promise<void>;
  getSync(key: string): Buffer | undefined;
  put(key: string, value: Uint8Array): Promise<void>;
  batch(operations: readonly object[]): Promise<void>;
  iterator(options: object): { nextv(size: number): Promise<[Buffer, Buffer][]>; close(): Promise<void> };
  close(): Promise<void>;
}

interface Package {
  readonly ClassicLevel: new (location: string, options: object) => Database;
}

/**
 * The package classic-level: LevelDB. It reads synchronously, also many keys, which is faster than its getMany(); it writes
 * asynchronously only. It has a log of its own, and no copies: one is made by hand, from an iterator, which is consistent, to a file.
 */
export const classicLevel = entryStoreKind("classic-level", async (options) => {
  const { ClassicLevel } = await loadPeer<Package>("classic-level");
  const encodings = { keyEncoding: "utf8", valueEncoding: "buffer" };
  const database = new ClassicLevel(join(options.directory, "database"), { ...encodings, ...levelOptions(options) });
  await database.open();
  const visitAll = (keys: readonly string[], visit: Visit): void => {
    for (let index = 0; index < keys.length; index += 1) visit(database.getSync(keys[index] as string), index);
  };
  return {
    get: async (key) => database.getSync(key),
    getMany: async (keys) => keys.map((key) => database.getSync(key)),
    put: (key, value) => database.put(key, value),
    write: (entries) => database.batch(levelPuts(entries)),
    writeSnapshot: async (writer) => {
      const iterator = database.iterator({ keyEncoding: "buffer", highWaterMarkBytes: 2 ** 20 });
      try {
        for (let entries = await iterator.nextv(entriesAtOnce); entries.length > 0; entries = await iterator.nextv(entriesAtOnce)) {
          for (const [key, value] of entries) writer.add(key, value);
        }
      } finally {
        await iterator.close();
      }
    },
    close: () => database.close(),
    own: {
      get: visitAll,
      getBatch: visitAll,
      readModifyWrite: async (keys) => {
        for (const key of keys) await database.put(key, increment(database.getSync(key), key));
      },
    },
  };
});

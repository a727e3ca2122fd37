import { join } from "node:path";
import { EntryFileWriter, readEntryFile } from "../entry-file.js";
import { increment, incrementAll, type NodeStore, type NodeStoreKind, type Visit } from "../node-store.js";
import { describePeer, loadPeer } from "../peer-package.js";
import { publishFile } from "../published-file.js";
import { levelOptions } from "./rocksdb.js";

const entriesAtOnce = 1_000;

/** What is used of the package. */
interface Database {
  open(): Promise<void>;
  getSync(key: string): Buffer | undefined;
  put(key: string, value: Buffer): Promise<void>;
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
export const classicLevel: NodeStoreKind = {
  async open(options) {
    const { ClassicLevel } = await loadPeer<Package>("classic-level");
    const encodings = { keyEncoding: "utf8", valueEncoding: "buffer" };
    const database = new ClassicLevel(join(options.directory, "database"), { ...encodings, ...levelOptions(options) });
    await database.open();
    return new ClassicLevelStore(database, join(options.directory, "snapshot"));
  },
  readSnapshot: async ({ directory }, visit) => readEntryFile(join(directory, "snapshot"), visit),
};

class ClassicLevelStore implements NodeStore {
  readonly build = describePeer("classic-level");
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  async put(keys: readonly string[], values: readonly Buffer[]): Promise<void> {
    await this.#database.batch(keys.map((key, index) => ({ type: "put", key, value: values[index] })));
  }

  get(keys: readonly string[], visit: Visit): void {
    for (let index = 0; index < keys.length; index += 1) visit(this.#database.getSync(keys[index] as string), index);
  }

  getBatch(keys: readonly string[], visit: Visit): void {
    this.get(keys, visit);
  }

  async readModifyWrite(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#database.put(key, increment(this.#database.getSync(key), key));
  }

  async readModifyWriteBatch(keys: readonly string[]): Promise<void> {
    const changed = incrementAll(keys, keys.map((key) => this.#database.getSync(key)));
    await this.#database.batch(Array.from(changed, ([key, value]) => ({ type: "put", key, value })));
  }

  async snapshot(): Promise<void> {
    const iterator = this.#database.iterator({ keyEncoding: "buffer", highWaterMarkBytes: 2 ** 20 });
    await publishFile(this.#path, async (temporary) => {
      const writer = new EntryFileWriter(temporary);
      try {
        for (let entries = await iterator.nextv(entriesAtOnce); entries.length > 0; entries = await iterator.nextv(entriesAtOnce)) {
          for (const [key, value] of entries) writer.add(key, value);
        }
      } finally {
        writer.close();
        await iterator.close();
      }
    });
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
